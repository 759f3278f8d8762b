import { VirtualClock } from '../simulation/clock.ts';

type Work = (...args: never[]) => void;

const NAMES = [
  'setTimeout',
  'clearTimeout',
  'setInterval',
  'clearInterval',
  'setImmediate',
  'clearImmediate',
] as const;

/** What `setTimeout`, `setInterval` and `setImmediate` answer while they are virtual. */
class VirtualTimer {
  #run: () => void;
  #startedCount = 0;
  readonly #start: (due: () => void) => void;

  /** @param start has `due` called when the time is over; by default never */
  constructor(run: () => void, start: (due: () => void) => void = () => {}) {
    this.#run = run;
    this.#start = start;
    this.refresh();
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  hasRef(): boolean {
    return true;
  }

  refresh(): this {
    const count = ++this.#startedCount;
    this.#start(() => {
      if (count === this.#startedCount) this.run();
    });
    return this;
  }

  /** Its time is over. */
  run(): void {
    this.#run();
  }

  /** The clock keeps it until its time is over, and with it what it would do, unless that is let go. */
  clear(): void {
    this.#run = () => {};
  }
}

/** Just short of a millisecond. */
const TURN_MS = 0.999;

/**
 * Lets code that was written for Node's timers run in virtual time: while they are installed, the global timers belong to a
 * `VirtualClock`. Promises go on as always, between one moment and the next.
 */
export class VirtualTimers {
  readonly clock = new VirtualClock();
  readonly #real = Object.fromEntries(NAMES.map((name) => [name, globalThis[name]]));
  readonly #endTurn = setImmediate;
  #immediates: VirtualTimer[] = [];

  install(): void {
    const clear = (timer: unknown) => {
      if (timer instanceof VirtualTimer) timer.clear();
    };
    Object.assign(globalThis, {
      setTimeout: (work: Work, ms = 0, ...args: never[]) => this.#timer(work, ms, args, false),
      setInterval: (work: Work, ms = 0, ...args: never[]) => this.#timer(work, ms, args, true),
      setImmediate: (work: Work, ...args: never[]) => this.#immediate(() => work(...args)),
      clearTimeout: clear,
      clearInterval: clear,
      clearImmediate: clear,
    });
  }

  /** Node's own timers again. */
  uninstall(): void {
    Object.assign(globalThis, this.#real);
  }

  /** Does all that is due until then, promises included. What is due in the same millisecond is one turn, as in Node. */
  async runUntil(endMs: number): Promise<void> {
    for (;;) {
      await this.#settle();
      if (!this.clock.step(endMs)) return;
      const turnEndMs = Math.min(endMs, Math.floor(this.clock.nowMs) + TURN_MS);
      while (this.clock.step(turnEndMs));
    }
  }

  /** Promises, and what `setImmediate` was given. */
  async #settle(): Promise<void> {
    for (;;) {
      await new Promise<void>((resolve) => this.#endTurn(() => resolve()));
      if (this.#immediates.length === 0) return;
      const due = this.#immediates;
      this.#immediates = [];
      for (const immediate of due) immediate.run();
    }
  }

  #timer(work: Work, ms: number, args: never[], repeats: boolean): VirtualTimer {
    // Node makes whole milliseconds of it, at least one.
    const waitMs = Math.max(1, Math.trunc(ms) || 1);
    const run = () => {
      if (repeats) timer.refresh();
      work(...args);
    };
    const timer = new VirtualTimer(run, (due) => this.clock.after(waitMs, due));
    return timer;
  }

  #immediate(run: () => void): VirtualTimer {
    const immediate = new VirtualTimer(run);
    this.#immediates.push(immediate);
    return immediate;
  }
}
