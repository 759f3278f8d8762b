import type { RedirectSystem } from '../../client-proxy/transparent/redirect-system.ts';

/** A system that knows nobody; it takes any rules. */
export const EMPTY_REDIRECT_SYSTEM: RedirectSystem = {
  changePacketFilter: () => Promise.resolve(),
  setPolicyRouting: () => Promise.resolve(),
  listeningUser: () => Promise.resolve(undefined),
  userId: () => Promise.resolve(undefined),
  addressesOf: () => Promise.resolve([]),
};
