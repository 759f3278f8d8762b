import { Arrivals, monotonicMs } from './arrivals.ts';
import { openConnection } from './connection.ts';
import type { AskJob, ClientResult, Endpoint, Route } from './job.ts';
import { writePaced } from './paced.ts';
import { isPatternAt } from './pattern.ts';

/** Uploads at an even pace, ends its direction, and waits for the origin's answer, which comes only if the upload was exact. */
export function ask(
  route: Route,
  origin: Endpoint,
  key: number,
  { bytes, rateMbps, answerBytes }: AskJob,
): Promise<ClientResult> {
  return new Promise((resolve) => {
    const answer = new Arrivals();
    let isExact = true;
    let endedAtMs = Number.NaN;
    const socket = openConnection(route, origin, {
      onOpen() {
        socket.write(`ask ${key} ${bytes} ${answerBytes}\n`);
        writePaced(socket, key, bytes, rateMbps, () => {
          endedAtMs = monotonicMs();
          socket.end();
        });
      },
      onBytes(chunk) {
        isExact &&= isPatternAt(key + answer.bytes, chunk);
        answer.add(chunk.length);
      },
      onClose(error) {
        const record = answer.end();
        const isWhole = isExact && record.bytes === answerBytes;
        const reason = isWhole ? undefined : (error?.message ?? `${record.bytes} bytes of answer`);
        resolve({
          bulk: { ...record, isExact: isWhole },
          timesMs: isWhole ? [record.lastAtMs - endedAtMs] : [],
          ...(reason === undefined ? {} : { error: reason }),
        });
      },
    });
  });
}
