import { shareBottleneck } from '../subflow/subflow-view.ts';
import type { SessionSubflow } from './sent-item.ts';

/**
 * Whether what is under way on a silent subflow would be better off on another: on one that works, and is not as silent
 * itself. Radios pause together, and what is moved from one to the other is only sent twice.
 */
export function hasBetterPlace(silent: SessionSubflow, subflows: readonly SessionSubflow[]): boolean {
  return subflows.some(
    (other) =>
      other !== silent &&
      other.state === 'active' &&
      (!shareBottleneck(other, silent) || isFresher(other, silent)) &&
      other.liveness.activeMs > silent.minRttMs &&
      other.liveness.isHeard,
  );
}

/** On the same path an idle subflow says nothing: it must have been heard, or made, since the other fell silent. */
function isFresher({ liveness }: SessionSubflow, silent: SessionSubflow): boolean {
  return liveness.sinceHeardMs < silent.liveness.silenceMs;
}
