import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Destination } from '../../shared/protocol/destination.ts';
import { atMost } from '../../shared/runtime/async/at-most.ts';
import { ANY_NETWORK, NetworkReader, THIS_MACHINE } from './network-reader.ts';
import type { NetworkView } from './network-view.ts';
import { routeTargets } from './route-targets.ts';
import { SimCards } from './sim-cards.ts';

/** A name server that answers at all answers sooner. */
const LOOKUP_MS = 2_000;
/** Nobody asks again. */
const SIM_CARDS_MS = 5_000;

/** Reads the network once, with routes towards these addresses, and with what else is needed. Rejects as the reader does. */
export async function readNetwork(
  destinations: readonly Destination[],
  { wantsSimCards, importanceOf } = ANY_NETWORK,
): Promise<NetworkView> {
  const known = new Map<string, readonly string[]>();
  const lookups = destinations.map(async ({ host }) => {
    if (isIP(host) !== 0) return;
    const answers = await lookup(host, { all: true }).catch(() => []);
    known.set(
      host,
      answers.map(({ address }) => address),
    );
  });
  await atMost(LOOKUP_MS, Promise.all(lookups));
  const reader = new NetworkReader(
    () => routeTargets(destinations, (name) => known.get(name) ?? []),
    undefined,
    THIS_MACHINE,
    importanceOf,
  );
  const simCards = new SimCards({ isWanted: () => wantsSimCards, waitMs: SIM_CARDS_MS });
  return simCards.addTo(await reader.read());
}
