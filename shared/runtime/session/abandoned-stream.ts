import type { ErrorName } from '../../protocol/errors.ts';
import type { SessionDriver } from './session-driver.ts';

/** How soon it is asked how far an abandoned stream has come: mostly its end is all that is under way. */
const FIRST_CHECK_MS = 20;
/** The time between checks doubles up to this. */
const MAX_CHECK_INTERVAL_MS = 1_000;

/**
 * The application of a stream has finished sending and is gone. What it had sent still goes, as it would from a kernel;
 * then the stream is reset, since nobody is left to receive.
 *
 * @param patienceMs without any progress for so long it is reset, too; the time without any subflow does not count
 */
export function abandonStream(
  driver: Pick<SessionDriver, 'input' | 'isClosed' | 'hasSubflow'>,
  streamId: number,
  error: ErrorName,
  patienceMs: number,
): void {
  let leastBytes = Number.POSITIVE_INFINITY;
  let waitedMs = 0;
  const check = (sinceMs: number, nextMs: number) => {
    if (driver.isClosed) return;
    const leftBytes = driver.input(({ streams }) => streams.undeliveredBytes(streamId));
    if (leftBytes === undefined) return;
    if (leftBytes < leastBytes) waitedMs = 0;
    else if (driver.hasSubflow) waitedMs += sinceMs;
    leastBytes = leftBytes;
    if (leftBytes === 0 || waitedMs >= patienceMs) {
      driver.input(({ streams }) => streams.reset(streamId, error));
      return;
    }
    const timer = setTimeout(() => check(nextMs, Math.min(2 * nextMs, MAX_CHECK_INTERVAL_MS)), nextMs);
    timer.unref();
  };
  check(0, FIRST_CHECK_MS);
}
