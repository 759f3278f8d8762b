import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import type { SessionDriver } from '../../shared/runtime/session/session-driver.ts';

/** A round trip over the worst path, and a retransmission. */
const LIMIT_MS = 3_000;
const LOOK_MS = 50;

/**
 * Whether the session's peer is heard on any subflow after this time of the clock. Asks, and waits a moment for the
 * answer. A subflow that was added since then counts as heard: its handshake was answered.
 */
export async function isHeardSince(
  driver: SessionDriver,
  sinceMs: number,
  clock: MonotonicClock,
): Promise<boolean> {
  driver.input(({ subflows }) => subflows.ask());
  for (let waitedMs = 0; waitedMs <= LIMIT_MS; waitedMs += LOOK_MS) {
    const { subflows } = driver.input(() => driver.snapshot());
    const nowMs = clock();
    if (driver.isClosed || subflows.length === 0) return false;
    if (subflows.some(({ sinceHeardMs }) => nowMs - sinceHeardMs > sinceMs)) return true;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return false;
}
