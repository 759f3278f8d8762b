import { VirtualClock } from '../simulation/clock.ts';

/** What `setTimeout` and `setInterval` answer while they are virtual. */
interface VirtualTimer {
  ref(): VirtualTimer;
  unref(): VirtualTimer;
  hasRef(): boolean;
  refresh(): VirtualTimer;
  [Symbol.toPrimitive](): number;
}

interface State {
  isCleared: boolean;
  generation: number;
}

type Work = (...args: never[]) => void;

const NAMES = [
  'setTimeout',
  'clearTimeout',
  'setInterval',
  'clearInterval',
  'setImmediate',
  'clearImmediate',
] as const;

/** Just short of a millisecond. */
const TURN_MS = 0.999;

/**
 * Lets code that was written for Node's timers run in virtual time: while they are installed, the global timers belong to a
 * `VirtualClock`. Promises go on as always, between one moment and the next.
 */
export class VirtualTimers {
  readonly clock = new VirtualClock();
  readonly #states = new WeakMap<object, State>();
  readonly #real = Object.fromEntries(NAMES.map((name) => [name, globalThis[name]])) as Record<
    string,
    unknown
  >;
  readonly #endTurn = setImmediate;
  #immediates: { work: Work; args: never[]; state: State }[] = [];

  install(): void {
    Object.assign(globalThis, {
      setTimeout: (work: Work, ms = 0, ...args: never[]) => this.#timer(work, ms, args, false),
      setInterval: (work: Work, ms = 0, ...args: never[]) => this.#timer(work, ms, args, true),
      setImmediate: (work: Work, ...args: never[]) => this.#immediate(work, args),
      clearTimeout: (timer: unknown) => this.#clear(timer),
      clearInterval: (timer: unknown) => this.#clear(timer),
      clearImmediate: (timer: unknown) => this.#clear(timer),
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
      for (const { work, args, state } of due) if (!state.isCleared) work(...args);
    }
  }

  #timer(work: Work, ms: number, args: never[], repeats: boolean): VirtualTimer {
    const state: State = { isCleared: false, generation: 0 };
    // Node makes whole milliseconds of it, at least one.
    const waitMs = Math.max(1, Math.trunc(ms) || 1);
    const start = () => {
      const generation = ++state.generation;
      this.clock.after(waitMs, () => {
        if (state.isCleared || state.generation !== generation) return;
        if (repeats) start();
        work(...args);
      });
    };
    const timer: VirtualTimer = {
      ref: () => timer,
      unref: () => timer,
      hasRef: () => true,
      refresh: () => {
        if (!state.isCleared) start();
        return timer;
      },
      [Symbol.toPrimitive]: () => 0,
    };
    this.#states.set(timer, state);
    start();
    return timer;
  }

  #immediate(work: Work, args: never[]): object {
    const state: State = { isCleared: false, generation: 0 };
    const immediate = {};
    this.#states.set(immediate, state);
    this.#immediates.push({ work, args, state });
    return immediate;
  }

  #clear(timer: unknown): void {
    if (typeof timer !== 'object' || timer === null) return;
    const state = this.#states.get(timer);
    if (state !== undefined) state.isCleared = true;
  }
}
