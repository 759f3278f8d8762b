/** Each worker is asked how busy it is once a second. After so many without an answer it gets nothing new, */
const SILENT_STEPS = 5;
/** and after so many it is given up. Nothing that a worker does takes so long in one piece. */
export const LOST_STEPS = 30;

/** What has come of a worker's silence in a step. */
export type Silence = 'silent' | 'lost';

/**
 * Notices workers whose event loop stands still, or that nothing reaches any more. It counts steps of its own and not time: where the
 * whole machine was suspended, or all processes were stopped, there were none.
 */
export class SilenceWatch {
  /** Steps without an answer, by worker; absent: nothing is expected of it. */
  readonly #steps = new Map<number, number>();

  /** It is up: from now on it is to answer each second. */
  begin(worker: number): void {
    this.#steps.set(worker, 0);
  }

  /** It has ended. */
  end(worker: number): void {
    this.#steps.delete(worker);
  }

  /** It has answered. */
  onHeard(worker: number): void {
    if (this.#steps.has(worker)) this.#steps.set(worker, 0);
  }

  /** Called once a second. @returns the workers that have become silent or lost in it */
  step(): readonly { readonly worker: number; readonly silence: Silence; readonly seconds: number }[] {
    const found: { worker: number; silence: Silence; seconds: number }[] = [];
    for (const [worker, steps] of this.#steps) {
      const seconds = steps + 1;
      this.#steps.set(worker, seconds);
      if (seconds === SILENT_STEPS) found.push({ worker, silence: 'silent', seconds });
      if (seconds === LOST_STEPS) found.push({ worker, silence: 'lost', seconds });
    }
    return found;
  }
}

export const STEP_MS = 1_000;
