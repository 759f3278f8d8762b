import type { ClientConfig } from '../config/client-config.ts';
import type { NetworkNeeds } from '../network/network-view.ts';
import { wantsSimCards } from './configured-plans.ts';
import { importanceOf } from './discover-uplinks.ts';

/** What this configuration has to know of the network. */
export function networkNeeds(config: Pick<ClientConfig, 'uplinks' | 'autoUplinks'>): NetworkNeeds {
  const { uplinks: list, autoUplinks: auto } = config;
  return {
    wantsSimCards: wantsSimCards(config),
    importanceOf: (one) => importanceOf(one, { list, auto }),
  };
}
