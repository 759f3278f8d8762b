import type { MonotonicClock } from '../../shared/runtime/clock.ts';

/** One that moves bytes under a pacer: a connection, in one direction. */
export interface PacedFlow {
  /** What it has moved, as the pacer counts; a new one begins at 0. */
  moved: number;
  /** It may move bytes again. */
  goOn(): void;
}

/** Saved up while nothing moves: a page then loads at once, and a rate still holds over a second. */
const BURST_SECONDS = 0.25;
/** One read of a connection: a slower rate must let it pass. */
const MIN_BURST_BYTES = 64 * 1024;
/** Datagrams wait nowhere: what comes while so much is owed is dropped, as by a line whose queue is full. */
const DATAGRAM_DEBT_SECONDS = 0.1;
/** How often some of those that wait go on while there is something to move. */
const STEP_MS = 10;
/** So many of them at a time: those that have nothing to say keep nobody waiting. */
const GO_ON_PART = 1 / 16;
const MIN_GO_ON = 2;

/**
 * Holds all connections of a client together to a rate, in one direction. A connection moves what it has at once, and
 * waits afterwards while more has moved than the rate allows; whoever has moved least goes on first.
 */
export class BytePacer {
  readonly #clock: MonotonicClock;
  #bytesPerSecond: number | undefined;
  #tokens = 0;
  #refilledMs = 0;
  /** What those that wait have moved at least: one that was silent for long is not ahead of all others for ever. */
  #floor = 0;
  readonly #waiting = new Set<PacedFlow>();
  #timer: NodeJS.Timeout | undefined;

  constructor(clock: MonotonicClock) {
    this.#clock = clock;
  }

  /** The rate from now on; undefined: as fast as it goes. */
  setRate(bytesPerSecond: number | undefined): void {
    if (bytesPerSecond === this.#bytesPerSecond) return;
    this.#bytesPerSecond = bytesPerSecond;
    this.#tokens = this.#burst;
    this.#refilledMs = this.#clock();
    if (bytesPerSecond === undefined) this.#goOnAll();
  }

  /** Whether more has moved than the rate allows. */
  get mustWait(): boolean {
    this.#refill();
    return this.#bytesPerSecond !== undefined && this.#tokens <= 0;
  }

  /** The flow has moved so many bytes. */
  take(flow: PacedFlow, bytes: number): void {
    if (this.#bytesPerSecond === undefined) return;
    this.#refill();
    this.#tokens -= bytes;
    flow.moved = Math.max(flow.moved, this.#floor) + bytes;
  }

  /** Whether a datagram may pass, which is counted then. */
  tryPass(bytes: number): boolean {
    if (this.#bytesPerSecond === undefined) return true;
    this.#refill();
    if (this.#tokens < -this.#bytesPerSecond * DATAGRAM_DEBT_SECONDS) return false;
    this.#tokens -= bytes;
    return true;
  }

  /** Calls `goOn` when it is this flow's turn. */
  wait(flow: PacedFlow): void {
    this.#waiting.add(flow);
    this.#arm();
  }

  /** The flow is gone. */
  forget(flow: PacedFlow): void {
    this.#waiting.delete(flow);
  }

  get #burst(): number {
    return Math.max(MIN_BURST_BYTES, (this.#bytesPerSecond ?? 0) * BURST_SECONDS);
  }

  #refill(): void {
    if (this.#bytesPerSecond === undefined) return;
    const nowMs = this.#clock();
    const earned = (Math.max(0, nowMs - this.#refilledMs) * this.#bytesPerSecond) / 1_000;
    this.#tokens = Math.min(this.#burst, this.#tokens + earned);
    this.#refilledMs = nowMs;
  }

  #arm(): void {
    if (this.#timer !== undefined || this.#waiting.size === 0) return;
    const owedMs = (-this.#tokens * 1_000) / (this.#bytesPerSecond ?? Number.POSITIVE_INFINITY);
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        if (!this.mustWait) this.#goOnSome();
        this.#arm();
      },
      Math.max(STEP_MS, Math.ceil(owedMs)),
    );
  }

  #goOnSome(): void {
    const most = Math.max(MIN_GO_ON, Math.ceil(this.#waiting.size * GO_ON_PART));
    const first = [...this.#waiting].sort((one, other) => one.moved - other.moved).slice(0, most);
    this.#floor = Math.max(this.#floor, first[0]?.moved ?? 0);
    for (const flow of first) {
      this.#waiting.delete(flow);
      flow.goOn();
    }
  }

  #goOnAll(): void {
    for (const flow of [...this.#waiting]) {
      this.#waiting.delete(flow);
      flow.goOn();
    }
  }
}
