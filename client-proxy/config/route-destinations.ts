import type { Destination } from '../../shared/protocol/destination.ts';
import { ANYWHERE } from '../network/route-targets.ts';
import type { ClientConfig } from './client-config.ts';

/** Where an uplink must lead: to the concentrator; without one, to the internet. */
export function routeDestinations({
  mode,
  concentrator,
}: Pick<ClientConfig, 'mode' | 'concentrator'>): readonly Destination[] {
  if (mode === 'concentrator') return concentrator.addresses;
  return Object.values(ANYWHERE).map((host) => ({ host, port: 443 }));
}
