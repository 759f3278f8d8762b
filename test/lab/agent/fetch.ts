import { monotonicMs } from './arrivals.ts';
import { openConnection } from './connection.ts';
import type { ClientResult, Endpoint, FetchJob, Route } from './job.ts';
import { isPatternAt } from './pattern.ts';

/** Fetches all sizes, `parallel` at a time, each on its own connection. */
export async function fetchAll(route: Route, origin: Endpoint, job: FetchJob): Promise<ClientResult> {
  const timesMs: number[] = [];
  const waiting = job.sizes.map((bytes, index) => ({ bytes, key: 1000 * (index + 1) }));
  let failures = 0;
  let error: string | undefined;
  const startMs = monotonicMs();
  const lane = async (_: unknown, index: number) => {
    if (job.startEveryMs !== undefined) await pause(index * job.startEveryMs);
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      try {
        timesMs.push(await fetchOne(route, origin, next.key, next.bytes));
      } catch (reason) {
        failures++;
        error ??= (reason as Error).message;
      }
      if (job.pauseMs > 0) await pause(job.pauseMs);
    }
  };
  await Promise.all(Array.from({ length: job.parallel }, lane));
  const totalMs = monotonicMs() - startMs;
  return { timesMs, totalMs, failures, ...(error === undefined ? {} : { error }) };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Time from connecting to the last byte, in ms. Rejects when the bytes are not those asked for. */
function fetchOne(route: Route, origin: Endpoint, key: number, bytes: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const startMs = monotonicMs();
    let got = 0;
    let isExact = true;
    const socket = openConnection(route, origin, {
      onOpen: () => void socket.write(`get ${key} ${bytes}\n`),
      onBytes(chunk) {
        isExact &&= isPatternAt(key + got, chunk);
        got += chunk.length;
        if (got < bytes) return;
        if (isExact && got === bytes) resolve(monotonicMs() - startMs);
        socket.destroy();
      },
      onClose: (error) =>
        reject(error ?? new Error(isExact ? `ended after ${got} of ${bytes} bytes` : 'wrong bytes')),
    });
  });
}
