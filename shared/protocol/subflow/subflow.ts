import { joinSmall } from '../codec/bytes.ts';
import { MAX_PAYLOAD_BYTES } from '../codec/wire.ts';
import { ProtocolViolation } from '../errors.ts';
import type { KernelMeasurement } from '../kernel-measurement.ts';
import type { Now } from '../now.ts';
import type { SubflowView } from '../scheduler/scheduler.ts';
import { StateMachine } from '../transition-table.ts';
import {
  COMMIT_MS,
  CRUISE_GAIN,
  DEGRADED_PING_INTERVAL_MS,
  FIRST_IN_FLIGHT_BYTES,
  FIRST_SEGMENT_BYTES,
  LONG_QUEUE_RTT,
  MAX_COMMIT_BYTES,
  MAX_HOST_LAG_MS,
  METERED_PING_INTERVAL_MS,
  MIN_COMMIT_BYTES,
  MIN_IN_FLIGHT_BYTES,
  MIN_SEGMENT_BYTES,
  PING_INTERVAL_MS,
  QUEUE_FREE_RTT,
  RECEIPT_INTERVAL_MS,
  REPAIR_ROUNDS,
  SEGMENT_MS,
  STARTUP_GAIN,
  TWO_WAY_SHARE,
} from '../tunables.ts';
import { ArrivalRate } from './arrival-rate.ts';
import { isDense, silenceLimitMs } from './doubt.ts';
import { FlapDamper } from './flap-damper.ts';
import { Ledger, type LedgerEntry, type LedgerItem } from './ledger.ts';
import { LossMeter } from './loss-meter.ts';
import { PathKnowledge } from './path-knowledge.ts';
import { RateEstimator } from './rate-estimator.ts';
import { ReceiptTracker } from './receipt-tracker.ts';
import { RttEstimator } from './rtt-estimator.ts';
import { SUBFLOW_TABLE, type SubflowEvent, type SubflowState } from './subflow-state.ts';
import type { TokenBucket } from './token-bucket.ts';

export interface SubflowOptions {
  readonly id: number;
  readonly uplinkName: string;
  readonly isBackup: boolean;
  /** Which of its uplink's paths, as in HELLO and JOIN; by default 0. */
  readonly path?: number;
  /** The kernel's congestion control for what is sent here, by name, where it is known. */
  readonly congestionControl?: string | undefined;
}

/** One subflow as the core sees it: what is under way, how fast it is, whether it can be trusted. */
export class Subflow implements SubflowView {
  readonly id: number;
  readonly uplinkName: string;
  /** Of an uplink's subflows those with the same path share a bottleneck. */
  readonly path: number;
  readonly rtt: RttEstimator;
  readonly rate: RateEstimator;
  readonly ledger = new Ledger();
  readonly receipts: ReceiptTracker;
  readonly flaps: FlapDamper;
  readonly #loss: LossMeter;
  readonly #now: Now;
  /** Generations of PRIORITY: the last that was told to the peer, the last that it told. */
  readonly priority = { told: 0, heard: 0 };
  /** Whether the transport can take a write now. */
  isWritable = true;
  isBackup: boolean;
  readonly congestionControl: string | undefined;
  /** It is one too many on its uplink: nothing new goes here, and it is closed once all has arrived. */
  isRetiring = false;
  /** Its uplink holds up the others: pings, and nothing that anybody waits for. */
  isParked = false;
  /** Its uplink's rate limit for what is sent here. */
  limit: TokenBucket | undefined;
  /** Its uplink costs by the byte: idle, it is asked for receipts seldom. */
  isMetered = false;
  #lastDataMs: number;
  readonly #arrivals: ArrivalRate;
  /** Whether bulk arrives on it, too: receipts then wait in the queue of the other direction. */
  #isTwoWay = false;
  /** The client was asked to dial another one beside it. */
  replacementAsked = false;
  #kernel: KernelMeasurement | undefined;
  #kernelAtMs = Number.NEGATIVE_INFINITY;
  /** Written up to here, little waits in the kernel; by its last figures. */
  #kernelTakesTo = 0;
  #repairsUntilMs = Number.NEGATIVE_INFINITY;
  #isRepairing = false;
  readonly #state: StateMachine<SubflowState, SubflowEvent>;
  #output: Uint8Array[] = [];
  #outputBytes = 0;
  #busySinceMs = 0;
  #lastReceiptMs = 0;
  #lastElicitingMs: number;
  #doubtedSinceMs = Number.POSITIVE_INFINITY;
  readonly #path: PathKnowledge;

  constructor(options: SubflowOptions, now: Now) {
    this.#now = now;
    this.rtt = new RttEstimator(now);
    this.rate = new RateEstimator(now);
    this.receipts = new ReceiptTracker(now);
    this.flaps = new FlapDamper(now);
    this.#loss = new LossMeter(now);
    this.#arrivals = new ArrivalRate(now);
    this.#path = new PathKnowledge(now);
    this.id = options.id;
    this.uplinkName = options.uplinkName;
    this.isBackup = options.isBackup;
    this.path = options.path ?? 0;
    this.congestionControl = options.congestionControl;
    this.#lastDataMs = this.#now.ms;
    this.#lastElicitingMs = this.#now.ms;
    this.#state = new StateMachine(`subflow ${options.id}`, SUBFLOW_TABLE, 'active');
  }

  get state(): SubflowState {
    return this.#state.state;
  }

  /** When payload last arrived on it. */
  get lastDataMs(): number {
    return this.#lastDataMs;
  }

  get doubtedSinceMs(): number {
    return this.#doubtedSinceMs;
  }

  get lastElicitingMs(): number {
    return this.#lastElicitingMs;
  }

  get hasReceiptSinceDoubt(): boolean {
    return this.#lastReceiptMs > this.#doubtedSinceMs;
  }

  /** The kernel's figures of late, where there are any. */
  get kernel(): KernelMeasurement | undefined {
    return this.#kernel;
  }

  get inFlightBytes(): number {
    return this.ledger.inFlightBytes;
  }

  /**
   * The path's round trip time without queues. Receipts return on the fastest subflow, so those of a slow one show less
   * than its own round trip; the kernel's figure does not, unless a proxy at the uplink ends the connection early.
   */
  get minRttMs(): number {
    return Math.max(this.rtt.minMs, this.#kernel?.minRttMs ?? 0);
  }

  /**
   * Of one that has become much slower the kernel's figure: the last receipts came back on another, and what lies before the
   * doubt is still the kernel's minimum.
   */
  get recentRttMs(): number {
    const recentMs = Math.max(this.minRttMs, this.rtt.recentMinMs);
    return this.#path.isUnusual(recentMs) ? Math.max(recentMs, this.#kernel?.rttMs ?? 0) : recentMs;
  }

  get delayMs(): number {
    return Math.max(this.recentRttMs, this.#kernel?.rttMs ?? 0);
  }

  get lossShare(): number {
    return this.#loss.share;
  }

  get smoothedRttMs(): number {
    return this.rtt.smoothedMs;
  }

  /**
   * Best guess of what the subflow delivers, bytes per second. One that was never kept busy is given the benefit of the
   * doubt, or it would never be tried: what it may have in flight at first over its round trip time.
   */
  get rateBytesPerSecond(): number {
    const measured = this.rate.recentBytesPerSecond;
    const most = this.limit?.bytesPerSecond ?? Number.POSITIVE_INFINITY;
    if (this.rate.isProven) return Math.min(measured, most);
    const guess = (this.#firstInFlightBytes * 1000) / Math.max(this.rtt.smoothedMs, 1);
    return Math.min(Math.max(measured, guess), most);
  }

  get isRateGrowing(): boolean {
    return !this.rate.pipeIsFull;
  }

  /** Most bytes that may be written and not receipted: enough to keep the path full, little enough to keep its queue short. */
  get inFlightCapBytes(): number {
    if (this.#isTwoWay) {
      // Receipts wait in the queue of the other direction, and would let the rate fall, the cap with the rate, and so on.
      const takenBytes =
        this.ledger.inFlightBytes + Math.max(0, this.#kernelTakesTo - this.ledger.writtenBytes);
      return Math.max(takenBytes, MIN_IN_FLIGHT_BYTES);
    }
    const rate = this.rate.bytesPerSecond;
    const pipeBytes = (rate * (this.rtt.minMs + RECEIPT_INTERVAL_MS + this.#hostLagMs)) / 1000;
    // The segment that is arriving counts for nothing until all of it is there, and another one must follow at once.
    const cruiseBytes = CRUISE_GAIN * pipeBytes + this.segmentBytes + MIN_SEGMENT_BYTES;
    const wanted = this.rate.pipeIsFull ? cruiseBytes : STARTUP_GAIN * pipeBytes;
    const least = this.rate.pipeIsFull ? MIN_IN_FLIGHT_BYTES : this.#firstInFlightBytes;
    return Math.min(
      Math.max(least, wanted, this.#kernelPipeBytes),
      this.#kernelCapBytes + (this.#isRepairing ? pipeBytes : 0),
    );
  }

  /** What the kernel's congestion window tells of the pipe where receipts tell too little. */
  get #kernelPipeBytes(): number {
    const kernel = this.#kernel;
    if (kernel === undefined) return 0;
    // A lost packet holds receipts back until it comes again; the kernel goes on sending meanwhile, as plain TCP would.
    if (this.#isRepairing) return 2 * kernel.cwndBytes;
    // In slow start it knows first how much comes through, as long as nothing queues.
    const isQueueFree = kernel.rttMs <= kernel.minRttMs * QUEUE_FREE_RTT;
    return !this.rate.pipeIsFull && !this.#path.wasDoubted && isQueueFree ? kernel.cwndBytes : 0;
  }

  /**
   * What the two programs add to the kernel's round trip, since they are busy or wait for a processor: without allowance for it a
   * starved machine would run its pipes empty. The kernel's own queue of unsent bytes is not part of it.
   */
  get #hostLagMs(): number {
    const kernel = this.#kernel;
    const rate = this.rate.recentBytesPerSecond;
    if (kernel === undefined || rate === 0) return 0;
    const unsentMs = (kernel.notSentBytes * 1000) / rate;
    return clamp(this.rtt.recentMinMs - kernel.rttMs - unsentMs, 0, MAX_HOST_LAG_MS);
  }

  /** What the kernel may have under way, and what is at its two ends meanwhile: more would only wait unsent. */
  get #kernelCapBytes(): number {
    const kernel = this.#kernel;
    if (kernel === undefined) return Number.POSITIVE_INFINITY;
    const atEndsBytes = (this.rate.bytesPerSecond * (COMMIT_MS + RECEIPT_INTERVAL_MS)) / 1000;
    return kernel.cwndBytes + atEndsBytes + FIRST_SEGMENT_BYTES;
  }

  /** In flight while nothing is known: what the kernel would let out at once, where it tells. */
  get #firstInFlightBytes(): number {
    if (!this.#path.isMeasured) return MIN_IN_FLIGHT_BYTES;
    return clamp(
      this.#kernel?.cwndBytes ?? FIRST_IN_FLIGHT_BYTES,
      MIN_IN_FLIGHT_BYTES,
      FIRST_IN_FLIGHT_BYTES,
    );
  }

  get roomBytes(): number {
    return this.inFlightCapBytes - this.ledger.inFlightBytes;
  }

  get segmentBytes(): number {
    const { limit } = this;
    const free = this.rate.isProven ? segmentOf(this.rate.bytesPerSecond) : FIRST_SEGMENT_BYTES;
    return limit === undefined ? free : Math.min(free, segmentOf(limit.bytesPerSecond));
  }

  /** For how long its rate limit holds data back. */
  get heldBackMs(): number {
    return this.limit?.waitMs ?? 0;
  }

  get isDegraded(): boolean {
    return this.#path.isDegraded(this.recentRttMs);
  }

  get isRateProven(): boolean {
    return this.rate.isProven;
  }

  /** Whether it takes data now: its transport is idle, its in-flight cap has room, and this turn's commitment is not used up. */
  get canTake(): boolean {
    if (!this.isWritable || this.state !== 'active' || this.#now.ms < this.flaps.readyMs) return false;
    if (this.limit?.isOpen === false) return false;
    // What is written at once becomes one TLS record, and that counts for nothing until all of it is there: as long as
    // the pipe of a slow subflow, it would make it stop and wait.
    const least = this.rate.isProven ? 0 : FIRST_SEGMENT_BYTES;
    return this.#outputBytes < Math.max(this.#commitBytes, least) && this.roomBytes > 0;
  }

  get #commitBytes(): number {
    return clamp((this.rate.bytesPerSecond * COMMIT_MS) / 1000, MIN_COMMIT_BYTES, MAX_COMMIT_BYTES);
  }

  get hasOutput(): boolean {
    return this.#outputBytes > 0;
  }

  /** Adds a frame to what leaves with the next write. */
  append(buffers: readonly Uint8Array[], item: LedgerItem): void {
    let bytes = 0;
    for (const buffer of buffers) {
      this.#output.push(buffer);
      bytes += buffer.length;
    }
    this.#outputBytes += bytes;
    if (item.kind === 'data') this.limit?.spend(bytes);
    else this.limit?.spendUnheld(bytes);
    const { ledger } = this;
    const sendState = this.rate.onSend(ledger.inFlightBytes === 0);
    if (item.kind !== 'receipt') {
      if (!ledger.awaitsReceipt) this.#busySinceMs = this.#now.ms;
      this.#lastElicitingMs = this.#now.ms;
    }
    ledger.append({
      item,
      endOffset: ledger.writtenBytes + bytes,
      sentMs: this.#now.ms,
      surrendered: false,
      ...sendState,
    });
  }

  /** What to write now; the transport is busy from then on until it says otherwise. */
  takeOutput(): readonly Uint8Array[] {
    if (!this.isWritable || this.#outputBytes === 0) return [];
    const output = joinSmall(this.#output, JOINED_BELOW_BYTES);
    this.isWritable = false;
    this.#output = [];
    this.#outputBytes = 0;
    return output;
  }

  /**
   * The far side has parsed `bytes` in all.
   * @returns the frames that are known to have arrived now
   * @throws ProtocolViolation when it is more than was ever written
   */
  onReceipt(bytes: number, delayMs: number): readonly LedgerEntry[] {
    const { ledger } = this;
    if (bytes > ledger.writtenBytes) throw new ProtocolViolation('RECEIPT for more than was sent');
    if (bytes <= ledger.receiptedBytes) return [];
    const receipted = ledger.receipt(bytes);
    this.#lastReceiptMs = this.#now.ms;
    const newest = receipted.at(-1);
    const drainRate = this.#path.onArrived(bytes);
    if (drainRate !== undefined) this.rate.prove(drainRate);
    const telling = newest !== undefined && this.#path.isTelling(newest.endOffset) ? newest : undefined;
    if (telling !== undefined) {
      this.rtt.addSample(this.#now.ms - telling.sentMs - delayMs);
      if (!this.#path.isMeasured && this.#path.onRoundTrip(this.recentRttMs, ledger.writtenBytes))
        this.rtt.restart();
    }
    this.rate.onReceipt(bytes, this.#path.isMeasured ? telling : undefined, this.rtt.minMs);
    this.#isTwoWay =
      this.#kernel !== undefined &&
      this.rate.pipeIsFull &&
      this.#arrivals.bytesPerSecond() > TWO_WAY_SHARE * this.rate.bytesPerSecond;
    return receipted;
  }

  /** Payload has arrived on it. */
  onArrival(bytes: number): void {
    this.#lastDataMs = this.#now.ms;
    this.#arrivals.add(bytes);
  }

  onKernelMeasurement(measurement: KernelMeasurement): void {
    const lostBefore = this.#kernel?.totalRetransmittedPackets ?? 0;
    if (measurement.totalRetransmittedPackets > lostBefore) {
      this.#repairsUntilMs = this.#now.ms + REPAIR_ROUNDS * measurement.rttMs;
    }
    // Where a queue stands it is the queue that loses packets: more would not come through.
    const hasQueue = measurement.rttMs > measurement.minRttMs * LONG_QUEUE_RTT;
    this.#isRepairing = this.#now.ms < this.#repairsUntilMs && !hasQueue;
    this.#loss.onCounts(measurement.sentPackets, measurement.totalRetransmittedPackets);
    this.#kernel = measurement;
    this.#kernelAtMs = this.#now.ms;
    this.#kernelTakesTo = this.ledger.writtenBytes + this.#commitBytes - measurement.notSentBytes;
  }

  /** For how long bytes have been under way without a sign of life; 0 while nothing is. */
  get silenceMs(): number {
    if (!this.ledger.awaitsReceipt) return 0;
    const receiptSilenceMs = this.#now.ms - Math.max(this.#lastReceiptMs, this.#busySinceMs);
    // The far kernel's acknowledgements are a sign of life, too: with loss, receipts wait for the retransmission.
    const kernel = this.#kernel;
    if (kernel === undefined || kernel.unackedBytes === 0) return receiptSilenceMs;
    return Math.min(receiptSilenceMs, kernel.lastAckReceivedMs + this.#now.ms - this.#kernelAtMs);
  }

  /** How long the silence may last. */
  get silenceLimitMs(): number {
    const receiptsSinceIdle = this.#lastReceiptMs > this.#busySinceMs;
    return silenceLimitMs(this.rtt, isDense(this.ledger.length, receiptsSinceIdle));
  }

  /** When to look again: for a doubt, or for a ping. */
  get deadlineMs(): number {
    if (this.state === 'doubted') return this.#now.ms + 20;
    if (!this.ledger.awaitsReceipt) {
      // A busy transport takes no ping; its next room is an input, and looks here again.
      if (!this.isWritable) return Number.POSITIVE_INFINITY;
      // The session looks after itself at least as often, ping or not.
      return Math.min(this.#nextPingMs, this.#now.ms + PING_INTERVAL_MS);
    }
    return this.#now.ms + Math.max(1, this.silenceLimitMs - this.silenceMs);
  }

  /** Whether so much time has passed without a question that its silence would say nothing. */
  get wantsPing(): boolean {
    // The same sum as in deadlineMs, so that rounding never puts the ping behind its own deadline.
    return !this.ledger.awaitsReceipt && this.#now.ms >= this.#nextPingMs;
  }

  get #nextPingMs(): number {
    return this.#lastElicitingMs + this.#pingIntervalMs;
  }

  get #pingIntervalMs(): number {
    if (this.isDegraded) return this.isMetered ? PING_INTERVAL_MS : DEGRADED_PING_INTERVAL_MS;
    return this.isMetered ? METERED_PING_INTERVAL_MS : PING_INTERVAL_MS;
  }

  doubt(): void {
    this.#state.apply('doubt');
    this.#doubtedSinceMs = this.#now.ms;
    this.#path.onDoubt(this.minRttMs);
    this.flaps.onDoubt();
  }

  recover(): void {
    this.#state.apply('recover');
    this.#doubtedSinceMs = Number.POSITIVE_INFINITY;
    this.replacementAsked = false;
    this.flaps.onRecover();
    this.#path.onRecover(this.ledger.receiptedBytes, this.ledger.writtenBytes);
    this.rtt.restart();
    this.rate.restart();
  }

  close(): void {
    this.#state.apply('close');
    this.isWritable = false;
    this.#output = [];
    this.#outputBytes = 0;
  }
}

/** Control frames and the first requests and answers of streams: less to copy than it costs to hand a buffer on. */
const JOINED_BELOW_BYTES = 1024;

/** What a rate carries in SEGMENT_MS. */
function segmentOf(bytesPerSecond: number): number {
  return Math.round(clamp((bytesPerSecond * SEGMENT_MS) / 1000, MIN_SEGMENT_BYTES, MAX_PAYLOAD_BYTES));
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}
