import type { Now } from '../now.ts';
import { StateMachine } from '../transition-table.ts';
import { type DoubtTuning, isDense, silenceLimitMs } from './doubt.ts';
import { FlapDamper, type FlapTuning } from './flap-damper.ts';
import type { Outbox } from './outbox.ts';
import type { PathMeter } from './path-meter.ts';
import { PauseDetector, type PauseTuning } from './pause-detector.ts';
import { type PingedSubflow, PingTimer, type PingTuning } from './ping-timer.ts';
import { SUBFLOW_TABLE, type SubflowEvent, type SubflowState } from './subflow-state.ts';

/** What is not heard for so many of the kernel's round trips is silent, where its own is not known. */
const UNKNOWN_PATH_ROUNDS = 1.5;
/** A doubted subflow is looked at this often. */
const DOUBT_LOOK_MS = 20;

export interface LivenessTuning {
  readonly doubt: DoubtTuning;
  readonly flaps: FlapTuning;
  readonly ping: PingTuning;
  readonly pause: PauseTuning;
  readonly receipts: { readonly intervalMs: number };
}

/** The facts about its subflow that its liveness is judged by. */
export interface WatchedSubflow extends PingedSubflow {
  readonly outbox: Outbox;
  readonly meter: PathMeter;
  readonly receipts: { readonly lastPayloadMs: number };
}

/** The signs of life of the far side. */
interface Heard {
  /** When the last receipt came; or when the subflow began, whose handshake was a sign. */
  receiptMs: number;
  /** When the last bytes that a receipt tells of had arrived, at the earliest: one that came over another subflow may be old news. */
  arrivalMs: number;
}

/** Whether the far side of one subflow can be heard: silence, doubt, recovery, and when to ask. */
export class Liveness {
  readonly #subflow: WatchedSubflow;
  readonly #now: Now;
  readonly #tuning: LivenessTuning;
  readonly pings: PingTimer;
  readonly #flaps: FlapDamper;
  readonly #pauses: PauseDetector;
  readonly #state: StateMachine<SubflowState, SubflowEvent>;
  #busySinceMs = 0;
  readonly #heard: Heard;
  #doubtedSinceMs = Number.POSITIVE_INFINITY;
  #activeSinceMs = Number.NEGATIVE_INFINITY;
  /** `kept`: doubted where there was no better place, so what is under way stays on it; `left`: later there was one. */
  #placement: 'none' | 'kept' | 'left' = 'none';

  constructor(subflowId: number, subflow: WatchedSubflow, now: Now, tuning: LivenessTuning) {
    this.#subflow = subflow;
    this.#now = now;
    this.#tuning = tuning;
    this.pings = new PingTimer(subflow, now, tuning);
    this.#flaps = new FlapDamper(now, tuning.flaps);
    this.#pauses = new PauseDetector(tuning.pause);
    this.#state = new StateMachine('subflow', subflowId, SUBFLOW_TABLE, 'active');
    this.#heard = { receiptMs: now.ms, arrivalMs: Number.NEGATIVE_INFINITY };
  }

  get state(): SubflowState {
    return this.#state.state;
  }

  /** For how long it has been doubted; negative infinity while it is not. */
  get doubtedMs(): number {
    return this.#now.ms - this.#doubtedSinceMs;
  }

  /** For how long it has worked since its last doubt; infinite before the first. */
  get activeMs(): number {
    return this.#now.ms - this.#activeSinceMs;
  }

  /** Whether it is doubted, and what is under way stays on it: there is no better place. */
  get isKept(): boolean {
    return this.#placement === 'kept';
  }

  /** For how long it was not heard. */
  get sinceHeardMs(): number {
    return this.#now.ms - this.#heard.receiptMs;
  }

  /** Whether something has arrived since it is doubted. */
  get hasArrivedSinceDoubt(): boolean {
    return this.#heard.arrivalMs > this.#doubtedSinceMs;
  }

  /** When a subflow that was doubted again and again may get data again. */
  get readyMs(): number {
    return this.#flaps.readyMs;
  }

  get isReady(): boolean {
    return this.#now.ms >= this.#flaps.readyMs;
  }

  /** For how long bytes have been under way without a sign of life; 0 while nothing is. */
  get silenceMs(): number {
    const { kernel, kernelAgeMs, isDegraded } = this.#subflow.meter;
    if (!this.#subflow.outbox.ledger.awaitsReceipt) return 0;
    // On a path that has collapsed answers come behind a queue of seconds, and the far end's payload with them.
    const payloadMs = isDegraded ? this.#subflow.receipts.lastPayloadMs : Number.NEGATIVE_INFINITY;
    const receiptSilenceMs = this.#now.ms - Math.max(this.#heard.receiptMs, this.#busySinceMs, payloadMs);
    // The far kernel's acknowledgements are a sign of life, too: with loss, receipts wait for the retransmission.
    if (kernel === undefined || kernel.unackedBytes === 0) return receiptSilenceMs;
    return Math.min(receiptSilenceMs, kernel.lastAckReceivedMs + kernelAgeMs);
  }

  /** How long the silence may last. */
  get silenceLimitMs(): number {
    const { doubt, receipts } = this.#tuning;
    const { rtt, isMeasured, kernel } = this.#subflow.meter;
    const { hasStopped } = this.pings.arrivals;
    const knownMs = silenceLimitMs(rtt, this.#hasDenseReceipts, hasStopped, doubt) + receipts.intervalMs;
    // Behind a doubt the path may be a much longer one, as the kernel knows first.
    return isMeasured || kernel === undefined
      ? knownMs
      : Math.max(knownMs, UNKNOWN_PATH_ROUNDS * kernel.rttMs);
  }

  /** Whether so much is under way that its receipts come in a steady stream. */
  get #hasDenseReceipts(): boolean {
    const receiptsSinceIdle = this.#heard.receiptMs > this.#busySinceMs;
    return isDense(this.#subflow.outbox.ledger.length, receiptsSinceIdle, this.#tuning.doubt);
  }

  /** Whether it is no more silent than a subflow is that works: it could take over what is under way on a silent one. */
  get isHeard(): boolean {
    const { silenceMs } = this.#tuning.pause;
    const { smoothedMs } = this.#subflow.meter.rtt;
    return this.silenceMs <= (this.#hasDenseReceipts ? silenceMs : Math.max(silenceMs, smoothedMs));
  }

  /** When to look again: for a doubt, or for a ping. */
  get deadlineMs(): number {
    const nowMs = this.#now.ms;
    if (this.state === 'doubted') return nowMs + DOUBT_LOOK_MS;
    if (!this.#subflow.outbox.ledger.awaitsReceipt) {
      // A busy transport takes no ping; its next room is an input, and looks here again.
      if (!this.#subflow.outbox.isWritable) return Number.POSITIVE_INFINITY;
      // The session looks after itself at least as often, ping or not.
      return Math.min(this.pings.nextMs, this.pings.arrivals.dueMs, nowMs + this.#tuning.ping.intervalMs);
    }
    const limitMs = nowMs + Math.max(1, this.silenceLimitMs - this.silenceMs);
    const { dueMs } = this.pings.arrivals;
    return dueMs > nowMs ? Math.min(dueMs, limitMs) : limitMs;
  }

  /**
   * Whether so much time has passed without a question that its silence would say nothing.
   * @param isAlong another question is asked now: this one may as well be, if it would be soon
   */
  wantsPing(isAlong: boolean): boolean {
    if (this.#now.ms >= this.pings.arrivals.dueMs) return true;
    if (this.#subflow.outbox.ledger.awaitsReceipt) return false;
    // The same sum as in deadlineMs, so that rounding never puts the ping behind its own deadline.
    return isAlong ? this.pings.isNear : this.#now.ms >= this.pings.nextMs;
  }

  /** Whether its path stands still, as far as one can tell, and was not asked for a while. */
  get wantsPausePing(): boolean {
    const { pingMs } = this.#tuning.pause;
    return this.pings.sinceQuestionMs >= pingMs && this.#pauseMs(this.#now.ms) > 0;
  }

  /** The path showed life so long ago. @returns for how long it had stood still before, in milliseconds; 0 if it had not */
  onSign(agoMs: number): number {
    const atMs = this.#now.ms - agoMs;
    const pauseMs = this.#pauseMs(atMs);
    this.#pauses.onSign(atMs);
    return pauseMs;
  }

  /** Something that must be answered is sent. @param isFirst nothing else awaited an answer */
  onQuestion(isFirst: boolean): void {
    if (isFirst) this.#busySinceMs = this.#now.ms;
    this.pings.onQuestion(isFirst);
  }

  /** @param delayMs how long ago the last of what has arrived did so when the receipt left */
  onReceipt(delayMs: number): void {
    this.#heard.receiptMs = this.#now.ms;
    this.#heard.arrivalMs = Math.max(this.#heard.arrivalMs, this.#now.ms - delayMs);
  }

  /** @param isKept what is under way stays on it; that is no flap */
  doubt(isKept: boolean): void {
    this.#state.apply('doubt');
    this.#doubtedSinceMs = this.#now.ms;
    this.#placement = isKept ? 'kept' : 'none';
    if (!isKept) this.#flaps.onDoubt();
  }

  /** What is under way on it, and was kept, goes elsewhere now. That is no flap: the other may only have come back first. */
  leave(): void {
    this.#placement = 'left';
  }

  recover(): void {
    this.#state.apply('recover');
    this.#doubtedSinceMs = Number.POSITIVE_INFINITY;
    this.#activeSinceMs = this.#now.ms;
    if (this.#placement === 'none') this.#flaps.onRecover();
    this.#placement = 'none';
  }

  close(): void {
    this.#state.apply('close');
  }

  /** For how long the path has stood still by then, as far as one can tell. */
  #pauseMs(atMs: number): number {
    const { oldest } = this.#subflow.outbox.ledger;
    if (oldest === undefined || !this.#hasDenseReceipts) return 0;
    return this.#pauses.pauseMs(atMs, oldest.sentMs + this.#subflow.meter.rtt.minMs);
  }
}
