import type { SessionDriver } from '../../shared/runtime/session/session-driver.ts';
import type { DatagramRelay } from '../datagram/datagram-relay.ts';

/** Datagrams of applications, for the status. */
export interface DatagramReport {
  /** Whether a concentrator carries UDP. */
  readonly carried: boolean;
  /** Applications that send and receive it now. */
  readonly applications: number;
  readonly flows: number;
  /** What that concentrator allows at once of those that go through it; null where none carries UDP. */
  readonly limits: { readonly applications: number; readonly flows: number } | null;
}

/** @param drivers all sessions, those of the chosen concentrator first */
export function reportDatagrams(
  drivers: readonly Pick<SessionDriver, 'cannotOpen' | 'snapshot'>[],
  { associationCount, flowCount }: Pick<DatagramRelay, 'associationCount' | 'flowCount'>,
): DatagramReport {
  const offered = drivers
    .filter(({ cannotOpen }) => cannotOpen !== 'goingAway')
    .map((driver) => driver.snapshot().datagrams)
    .find(({ isOffered }) => isOffered);
  const limits = offered?.limits;
  return {
    carried: offered !== undefined,
    applications: associationCount,
    flows: flowCount,
    limits: limits === undefined ? null : { applications: limits.maxAssociations, flows: limits.maxFlows },
  };
}
