import type { Destination } from '../../../shared/protocol/destination.ts';
import type { Pair } from '../../end-to-end/support/pair.ts';
import { socksConnect } from '../../end-to-end/support/socks-client.ts';

/** Times of a victim's opens, in milliseconds. */
export interface OpenTimes {
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly failed: number;
}

/** Opens connections through the pair's own client, one after the other, and times the answers. */
export async function timeOpens(
  pair: Pair,
  count: number,
  destination: (index: number) => Destination,
): Promise<OpenTimes> {
  const times: number[] = [];
  let failed = 0;
  for (let i = 0; i < count; i++) {
    const startedMs = performance.now();
    const { reply, socket } = await socksConnect(pair.socks, destination(i), { asName: true });
    times.push(performance.now() - startedMs);
    if (reply !== 0) failed++;
    socket.destroy();
  }
  times.sort((one, other) => one - other);
  const at = (share: number) => times[Math.min(count - 1, Math.floor(count * share))]!;
  return { p50Ms: at(0.5), p95Ms: at(0.95), failed };
}
