import type { ClientConfig } from '../config/client-config.ts';
import { MAX_UPLINKS } from '../config/client-schema.ts';
import type { NetworkView } from '../network/network-view.ts';
import { type Discovery, discoverUplinks } from './discover-uplinks.ts';

/** What a client that starts now with this configuration would find; nothing where it seeks nothing, or the network is not known. */
export function discoverNow(
  { uplinks: list, autoUplinks: auto }: Pick<ClientConfig, 'uplinks' | 'autoUplinks'>,
  view: NetworkView | undefined,
  bindsByInterface: boolean,
): Discovery {
  if (auto === undefined || view === undefined) return { uplinks: [], leftOut: [] };
  return discoverUplinks(view, { auto, list, inUse: new Map(), bindsByInterface, maxUplinks: MAX_UPLINKS });
}
