import type { WallClock } from '../../../shared/runtime/clock.ts';
import type { UplinkState, UplinkStatus } from '../../path-manager/uplink-status.ts';

/** An uplink has come into a state. */
export interface StateChange {
  /** Milliseconds since 1970. */
  readonly atMs: number;
  readonly uplink: string;
  readonly state: UplinkState;
  /** In a word, as of `UplinkReason`. */
  readonly cause: string;
  readonly reason: string;
  /** The state before; null for an uplink that is new. */
  readonly before: UplinkState | null;
  /** Connections of applications that this uplink may have cost since the program began: at the change, and a second before at most. */
  readonly lost: number;
  readonly lostBefore: number;
}

/** As many as somebody reads; older ones are in the log. */
export const MAX_CHANGES = 100;

/** The latest changes of the uplinks' states, the oldest first. */
export class StateChanges {
  readonly #wallClock: WallClock;
  readonly #lostOf: (uplinkName: string) => number;
  /** By uplink: as it was at the last second. */
  readonly #lost = new Map<string, number>();
  #all: readonly StateChange[] = [];
  #onAdded = () => {};

  /** @param lostOf connections that an uplink may have cost since the program began */
  constructor(wallClock: WallClock, lostOf: (uplinkName: string) => number) {
    this.#wallClock = wallClock;
    this.#lostOf = lostOf;
  }

  /** Another list after each change. */
  get all(): readonly StateChange[] {
    return this.#all;
  }

  /** Changes of an earlier run, which come before those of this one. */
  load(earlier: readonly StateChange[]): void {
    this.#all = [...earlier, ...this.#all].slice(-MAX_CHANGES);
  }

  /** Who hears of each change. */
  notify(onAdded: () => void): void {
    this.#onAdded = onAdded;
  }

  /** Called each second: an uplink that goes takes its connections along before its state is another. */
  sample(): void {
    for (const name of this.#lost.keys()) this.#lost.set(name, this.#lostOf(name));
    // Of many names that came and went, those that changed last.
    for (const name of this.#lost.keys()) {
      if (this.#lost.size <= MAX_CHANGES) break;
      this.#lost.delete(name);
    }
  }

  readonly add = ({ name, state, cause, reason }: UplinkStatus, before: UplinkState | undefined): void => {
    const lost = this.#lostOf(name);
    const change: StateChange = {
      ...{ atMs: this.#wallClock(), uplink: name, state, cause, reason, before: before ?? null },
      ...{ lost, lostBefore: this.#lost.get(name) ?? lost },
    };
    this.#lost.delete(name);
    this.#lost.set(name, lost);
    this.#all = [...this.#all, change].slice(-MAX_CHANGES);
    this.#onAdded();
  };
}
