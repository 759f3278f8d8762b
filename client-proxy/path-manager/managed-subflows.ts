import type { Destination } from '../../shared/protocol/destination.ts';
import type { SubflowSnapshot } from '../../shared/protocol/session/snapshot.ts';
import type { SessionDriver } from '../../shared/runtime/session/session-driver.ts';
import type { SubflowTransport } from '../../shared/runtime/subflow/subflow-transport.ts';
import type { Uplink } from '../uplink/uplink.ts';

/** What is to become a subflow. */
export interface Candidate {
  /** With `backup` as it is to be used now. */
  readonly uplink: Uplink;
  readonly transport: SubflowTransport;
  readonly address: Destination;
  /** Which of the uplink's paths, as HELLO and JOIN say it. */
  readonly path: number;
}

/** The session that the paths are for. */
export interface ManagedSession {
  /** Once there is one. */
  readonly driver: SessionDriver | undefined;
  /** Brings a transport into the session, in place of the silent subflow `replaced`; resolves to the subflow's id. */
  admit(candidate: Candidate, replaced: number | undefined): Promise<number>;
}

/** The subflows of one session, as its path manager deals with them. Before the session is established there are none. */
export class ManagedSubflows {
  readonly #session: ManagedSession;

  constructor(session: ManagedSession) {
    this.#session = session;
  }

  of(uplinkName: string): readonly SubflowSnapshot[] {
    const subflows = this.#session.driver?.snapshot().subflows ?? [];
    return subflows.filter((subflow) => subflow.uplinkName === uplinkName);
  }

  /** The address of this machine that a subflow is bound to; undefined when it is gone. */
  localHostOf(subflowId: number): string | undefined {
    return this.#session.driver?.linkOf(subflowId)?.local.host;
  }

  /** As `ManagedSession.admit`. */
  admit(candidate: Candidate, replaced: number | undefined): Promise<number> {
    return this.#session.admit(candidate, replaced);
  }

  setBackup(subflowId: number, isBackup: boolean): void {
    this.#session.driver?.input(({ subflows }) => subflows.setBackup(subflowId, isBackup));
  }

  doubt(subflowId: number, reason: string): void {
    this.#session.driver?.input(({ subflows }) => subflows.doubt(subflowId, reason));
  }

  /** Takes a subflow out of use, in good order; the last one of the session stays. */
  retire(subflowId: number): void {
    this.#session.driver?.input(({ subflows }) => subflows.retire(subflowId));
  }

  /** Closes a subflow now; what is under way on it goes elsewhere. */
  remove(subflowId: number): void {
    this.#session.driver?.removeSubflow(subflowId);
  }
}
