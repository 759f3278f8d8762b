import { Arrivals, monotonicMs } from './arrivals.ts';
import { openConnection } from './connection.ts';
import type { ClientResult, Endpoint, LiveJob, Route } from './job.ts';
import { isPatternAt } from './pattern.ts';
import { Player } from './player.ts';

/** Plays a live stream, which the origin sends at its rate. */
export function watchLive(
  route: Route,
  origin: Endpoint,
  key: number,
  { rateMbps, ms, bufferMs }: LiveJob,
): Promise<ClientResult> {
  return new Promise((resolve) => {
    const arrivals = new Arrivals();
    const player = new Player(bufferMs);
    const bytes = Math.floor(rateMbps * 125 * ms);
    let isExact = true;
    const socket = openConnection(route, origin, {
      onOpen: () => void socket.write(`live ${key} ${bytes} ${rateMbps}\n`),
      onBytes(chunk) {
        isExact &&= isPatternAt(key + arrivals.bytes, chunk);
        arrivals.add(chunk.length);
        player.add(chunk.length / (rateMbps * 125), monotonicMs());
      },
      onClose(error) {
        const record = arrivals.end();
        const isWhole = isExact && record.bytes === bytes;
        const reason = isWhole ? undefined : (error?.message ?? `${record.bytes} of ${bytes} bytes`);
        const { playback } = player;
        const failure = reason === undefined ? {} : { error: reason };
        resolve({
          bulk: { ...record, isExact, ...failure },
          ...(playback ? { playback } : {}),
          ...failure,
        });
      },
    });
  });
}
