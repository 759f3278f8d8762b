import { Resolver } from 'node:dns';
import type { MonotonicClock } from '../clock.ts';

/** A change of resolv.conf is followed within this; to read it takes a fraction of a millisecond. */
const READ_EVERY_MS = 5_000;

/** The system's name servers, as Node.js reads them (resolv.conf, or what other systems have), at most every 5 s. */
export function systemNameServers(
  clock: MonotonicClock,
  read: () => readonly string[] = () => new Resolver().getServers(),
): () => readonly string[] {
  let servers: readonly string[] = [];
  let readMs = Number.NEGATIVE_INFINITY;
  return () => {
    if (clock() - readMs >= READ_EVERY_MS) {
      servers = read();
      readMs = clock();
    }
    return servers;
  };
}
