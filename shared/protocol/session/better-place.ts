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
      other.liveness.activeMs > silent.minRttMs &&
      other.liveness.isHeard,
  );
}
