import type { WallClock } from '../../../shared/runtime/clock.ts';
import type { ConcentratorEvent } from '../../concentrators/concentrator-event.ts';

/** What has happened to a concentrator, and when. */
export interface ConcentratorChange extends ConcentratorEvent {
  /** Milliseconds since 1970. */
  readonly atMs: number;
}

/** As many as somebody reads; older ones are in the log. */
export const MAX_CONCENTRATOR_CHANGES = 100;

/** The latest events of the concentrators, the oldest first. */
export class ConcentratorChanges {
  readonly #wallClock: WallClock;
  #all: readonly ConcentratorChange[] = [];
  #onAdded = () => {};

  constructor(wallClock: WallClock) {
    this.#wallClock = wallClock;
  }

  /** Another list after each event. */
  get all(): readonly ConcentratorChange[] {
    return this.#all;
  }

  /** Events of an earlier run, which come before those of this one. */
  load(earlier: readonly ConcentratorChange[]): void {
    this.#all = [...earlier, ...this.#all].slice(-MAX_CONCENTRATOR_CHANGES);
  }

  /** Who hears of each event. */
  notify(onAdded: () => void): void {
    this.#onAdded = onAdded;
  }

  readonly add = (event: ConcentratorEvent): void => {
    this.#all = [...this.#all, { atMs: this.#wallClock(), ...event }].slice(-MAX_CONCENTRATOR_CHANGES);
    this.#onAdded();
  };
}
