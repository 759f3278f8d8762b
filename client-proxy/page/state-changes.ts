import type { WallClock } from '../../shared/runtime/clock.ts';
import type { UplinkState, UplinkStatus } from '../path-manager/uplink-status.ts';

/** An uplink has come into a state. */
export interface StateChange {
  /** Milliseconds since 1970. */
  readonly atMs: number;
  readonly uplink: string;
  readonly state: UplinkState;
  readonly reason: string;
  /** The state before; null for an uplink that is new. */
  readonly before: UplinkState | null;
}

/** As many as somebody reads; older ones are in the log. */
const MAX_CHANGES = 100;

/** The latest changes of the uplinks' states, the oldest first. */
export class StateChanges {
  readonly #wallClock: WallClock;
  #all: readonly StateChange[] = [];

  constructor(wallClock: WallClock) {
    this.#wallClock = wallClock;
  }

  /** Another list after each change. */
  get all(): readonly StateChange[] {
    return this.#all;
  }

  readonly add = ({ name, state, reason }: UplinkStatus, before: UplinkState | undefined): void => {
    const change = { atMs: this.#wallClock(), uplink: name, state, reason, before: before ?? null };
    this.#all = [...this.#all, change].slice(-MAX_CHANGES);
  };
}
