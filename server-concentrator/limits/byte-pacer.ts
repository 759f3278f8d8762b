import { FIRST_READ_BYTES } from '../../shared/runtime/app/block-pool.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import { FlowLine, type PacedFlow } from './flow-line.ts';

/** Saved up while nothing moves: a page then loads at once, and a rate still holds over a second. */
const BURST_SECONDS = 0.25;
/** One read of a connection: a slower rate must let it pass. */
const MIN_BURST_BYTES = 64 * 1024;
/** In its turn a flow moves no more than takes so long, so that the next one need not wait, */
const TURN_SECONDS = 0.02;
/** but as much as is worth a frame. */
const MIN_TURN_BYTES = 2 * 1024;
/** Datagrams wait nowhere: beyond so much they are dropped, as by a line whose queue is full. */
const DATAGRAM_BURST_SECONDS = 0.1;
const MIN_DATAGRAM_BURST_BYTES = 3_000;
/** While flows wait, datagrams have this part of the rate. */
const DATAGRAM_PART = 1 / 2;
/** How often flows go on, at most. */
const STEP_MS = 10;
/** What a flow moves counts no more after a while: below this part of the rate it never counts as one that moves much. */
const QUIET_PART = 1 / 16;

/**
 * Holds all connections of a client together to a rate, in one direction. A connection moves what it has at once while the rate
 * allows it, and otherwise waits for its turn.
 */
export class BytePacer {
  readonly #clock: MonotonicClock;
  #bytesPerSecond: number | undefined;
  /** What may move now; less than nothing after more has moved than was left. */
  #tokens = 0;
  /** The same for datagrams while flows wait. */
  #datagramTokens = 0;
  #refilledMs = 0;
  readonly #line = new FlowLine();
  #timer: NodeJS.Timeout | undefined;

  constructor(clock: MonotonicClock) {
    this.#clock = clock;
  }

  /** The rate from now on; undefined: as fast as it goes. */
  setRate(bytesPerSecond: number | undefined): void {
    if (bytesPerSecond === this.#bytesPerSecond) return;
    this.#bytesPerSecond = bytesPerSecond;
    this.#tokens = this.#burst;
    this.#datagramTokens = this.#datagramBurst;
    this.#refilledMs = this.#clock();
    if (bytesPerSecond === undefined) {
      for (const flow of this.#line.takeAll()) flow.goOn(Number.POSITIVE_INFINITY);
    }
    // What was owed by the rate of before is owed no more.
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#arm();
  }

  /** What a flow may move now without a turn: 0 where it must wait for one. */
  get roomBytes(): number {
    if (this.#bytesPerSecond === undefined) return Number.POSITIVE_INFINITY;
    this.#refill();
    return this.#tokens <= 0 || !this.#line.isEmpty ? 0 : this.#turnBytes;
  }

  /** The flow has moved so many bytes. */
  take(flow: PacedFlow, bytes: number): void {
    if (this.#bytesPerSecond === undefined) return;
    this.#refill();
    this.#tokens -= bytes;
    flow.recentBytes = this.#recentBytes(flow) + bytes;
    flow.recentMs = this.#refilledMs;
  }

  /** Whether a datagram may pass, which is counted then. */
  tryPass(bytes: number): boolean {
    if (this.#bytesPerSecond === undefined) return true;
    this.#refill();
    // Flows leave the tokens at nothing: that is no reason to drop datagrams, and datagrams are none to hold up all flows.
    const doFlowsWait = !this.#line.isEmpty;
    const mayPass = doFlowsWait ? this.#datagramTokens > 0 : this.#tokens > -this.#datagramBurst;
    if (!mayPass) return false;
    this.#tokens -= bytes;
    if (doFlowsWait) this.#datagramTokens -= bytes;
    return true;
  }

  /** Calls `goOn` when it is this flow's turn, once. */
  wait(flow: PacedFlow): void {
    this.#refill();
    flow.recentBytes = this.#recentBytes(flow);
    flow.recentMs = this.#refilledMs;
    this.#line.add(flow);
    this.#arm();
  }

  /** The flow does not wait any more. */
  forget(flow: PacedFlow): void {
    this.#line.remove(flow);
  }

  get #burst(): number {
    return Math.max(MIN_BURST_BYTES, (this.#bytesPerSecond ?? 0) * BURST_SECONDS);
  }

  get #datagramBurst(): number {
    return Math.max(MIN_DATAGRAM_BURST_BYTES, (this.#bytesPerSecond ?? 0) * DATAGRAM_BURST_SECONDS);
  }

  /** In one turn; all that is left where that is more, and nobody else waits. */
  get #turnBytes(): number {
    const least = Math.max(MIN_TURN_BYTES, Math.ceil((this.#bytesPerSecond ?? 0) * TURN_SECONDS));
    return this.#line.isEmpty ? Math.max(least, Math.floor(this.#tokens)) : least;
  }

  #recentBytes({ recentBytes, recentMs = this.#refilledMs }: PacedFlow): number {
    const forgotten = ((this.#refilledMs - recentMs) * (this.#bytesPerSecond ?? 0) * QUIET_PART) / 1_000;
    return Math.max(0, recentBytes - Math.max(0, forgotten));
  }

  #refill(): void {
    if (this.#bytesPerSecond === undefined) return;
    const nowMs = this.#clock();
    const earned = (Math.max(0, nowMs - this.#refilledMs) * this.#bytesPerSecond) / 1_000;
    this.#tokens = Math.min(this.#burst, this.#tokens + earned);
    this.#datagramTokens = Math.min(this.#datagramBurst, this.#datagramTokens + earned * DATAGRAM_PART);
    this.#refilledMs = nowMs;
  }

  #arm(): void {
    if (this.#timer !== undefined || this.#line.isEmpty) return;
    const owedMs = (-this.#tokens * 1_000) / (this.#bytesPerSecond ?? Number.POSITIVE_INFINITY);
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#refill();
        this.#goOnSome();
        this.#arm();
      },
      Math.max(STEP_MS, Math.ceil(owedMs)),
    );
  }

  /**
   * As many as the rate allows now. One that moves nothing yet may do so in a moment: it counts as one that brings a read, also for its
   * kind.
   */
  #goOnSome(): void {
    let leftBytes = this.#tokens;
    while (this.#tokens > 0 && leftBytes > 0 && !this.#line.isEmpty) {
      this.#line.serve((flow) => {
        const before = this.#tokens;
        // It has not been quiet while it waited.
        flow.recentMs = this.#refilledMs;
        flow.goOn(this.#turnBytes);
        const moved = before > this.#tokens ? before - this.#tokens : FIRST_READ_BYTES;
        leftBytes -= moved;
        return moved;
      });
    }
  }
}
