import type { Now } from '../now.ts';
import type { SessionSubflow } from './sent-item.ts';

/** So long after the last payload; many round trips. */
const QUIET_AFTER_MS = 1_000;

/**
 * Whether a session carries nothing. Then its questions and the answers go together, as far as they can, so that idle machines sleep
 * longer. While it carries something, each has its own time: what they tell of a path must not depend on that of another one.
 */
export function isQuiet(subflows: readonly SessionSubflow[], now: Now): boolean {
  return subflows.every(
    ({ outbox, lastDataMs }) => !outbox.ledger.carriesData && now.ms - lastDataMs >= QUIET_AFTER_MS,
  );
}
