import type { Destination } from '../../shared/protocol/destination.ts';
import { ANYWHERE } from '../network/route-targets.ts';
import type { ClientConfig } from './client-config.ts';

/** Where an uplink must lead: to any of the concentrators; without one, to the internet. */
export function routeDestinations({
  mode,
  concentrators,
}: Pick<ClientConfig, 'mode' | 'concentrators'>): readonly Destination[] {
  if (mode === 'concentrator') return concentrators.flatMap(({ concentrator }) => concentrator.addresses);
  return Object.values(ANYWHERE).map((host) => ({ host, port: 443 }));
}
