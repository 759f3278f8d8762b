import type { KernelMeasurement } from '../kernel-measurement.ts';
import type { Now } from '../now.ts';
import { type CollapseTuning, CollapseWatch } from './collapse-watch.ts';
import { LossMeter, type LossTuning } from './loss-meter.ts';
import { PathKnowledge, type PathTuning } from './path-knowledge.ts';
import type { PauseTuning } from './pause-detector.ts';
import { RttEstimator, type RttTuning } from './rtt-estimator.ts';

/** A frame that a receipt covers whole. */
export interface ReceiptedFrame {
  /** Where it ends in the subflow's count of bytes. */
  readonly endOffset: number;
  readonly sentMs: number;
}

/** What a receipt tells of the path. */
export interface ReceiptReading<Frame> {
  /** The frame, if its times say something of the path's rate. */
  readonly rateFrame: Frame | undefined;
  /** The path is a much longer one than before the last pause: what was known of the old one is forgotten. */
  readonly hasChanged: boolean;
}

export interface PathMeterTuning {
  readonly rtt: RttTuning;
  readonly loss: LossTuning;
  readonly path: PathTuning;
  readonly pause: PauseTuning;
  readonly collapse: CollapseTuning;
}

/** What one subflow's receipts and its kernel tell of the path: round trip times, loss, and whether it is what it was. */
export class PathMeter {
  readonly rtt: RttEstimator;
  readonly collapse: CollapseWatch;
  readonly #now: Now;
  readonly #loss: LossMeter;
  readonly #knowledge: PathKnowledge;
  #kernel: KernelMeasurement | undefined;
  #kernelAtMs = Number.NEGATIVE_INFINITY;
  readonly #comparisonMs: number;
  /** When the path is compared with what it was before the last pause. */
  #comparesAtMs = Number.POSITIVE_INFINITY;

  constructor(now: Now, tuning: PathMeterTuning) {
    this.#now = now;
    this.rtt = new RttEstimator(now, tuning.rtt);
    this.collapse = new CollapseWatch(now, tuning.collapse);
    this.#loss = new LossMeter(now, tuning.loss);
    this.#knowledge = new PathKnowledge(now, tuning.path);
    this.#comparisonMs = tuning.pause.comparisonMs;
  }

  /** The kernel's last figures, where there are any. */
  get kernel(): KernelMeasurement | undefined {
    return this.#kernel;
  }

  /** How old they are, in milliseconds. */
  get kernelAgeMs(): number {
    return this.#now.ms - this.#kernelAtMs;
  }

  /**
   * The path's round trip time without queues. Receipts return on the fastest subflow, so those of a slow one show less
   * than its own round trip; the kernel's figure does not, unless a proxy at the uplink ends the connection early.
   */
  get minRttMs(): number {
    return Math.max(this.rtt.minMs, this.#kernel?.minRttMs ?? 0);
  }

  /**
   * In how long receipts come where nothing queues. Those of a slow subflow return on a faster one, and take as long as its own round trip,
   * which the kernel tells, when that one is in trouble.
   */
  get receiptRttMs(): number {
    const { minMs, recentMinMs } = this.rtt;
    const ownMs = this.#kernel?.minRttMs ?? 0;
    return ownMs < FASTER_RETURN * minMs ? minMs : Math.max(minMs, Math.min(recentMinMs, ownMs));
  }

  /**
   * The smallest of the last few round trips. For a path that has become much slower it is the kernel's figure: the last
   * receipts came back on another subflow, and the kernel's minimum is from before the doubt.
   */
  get recentRttMs(): number {
    const recentMs = Math.max(this.minRttMs, this.rtt.recentMinMs);
    return this.#knowledge.isUnusual(recentMs) ? Math.max(recentMs, this.#kernel?.rttMs ?? 0) : recentMs;
  }

  /** The round trip as it is now, queues included. */
  get delayMs(): number {
    return Math.max(this.recentRttMs, this.#kernelDelayMs);
  }

  /** The share of packets that were lost of late, 0 to 1; 0 where the kernel does not tell. */
  get lossShare(): number {
    return this.#loss.share;
  }

  /** Whether the round trip was measured since the last doubt. */
  get isMeasured(): boolean {
    return this.#knowledge.isMeasured;
  }

  get wasDoubted(): boolean {
    return this.#knowledge.wasDoubted;
  }

  /** Whether it came back from a doubt with a much longer round trip than it had. */
  get isDegraded(): boolean {
    return this.#knowledge.isDegraded(this.recentRttMs);
  }

  onKernel(measurement: KernelMeasurement): void {
    this.#loss.onCounts(measurement.sentPackets, measurement.totalRetransmittedPackets);
    this.#kernel = measurement;
    this.#kernelAtMs = this.#now.ms;
  }

  /**
   * All of `totalBytes` have arrived.
   * @returns bytes per second, once after a doubt, when what was stuck has drained and kept the path busy meanwhile
   */
  onArrived(totalBytes: number): number | undefined {
    return this.#knowledge.onArrived(totalBytes);
  }

  /** How fast what was stuck in a doubt arrives now, of `totalBytes` that have; undefined while nothing does, or too little to tell. */
  drainBytesPerSecond(totalBytes: number): number | undefined {
    return this.#knowledge.drainBytesPerSecond(totalBytes);
  }

  /**
   * Takes the round trip of the newest frame that a receipt covers.
   * @param delayMs how long the receipt waited at the far side
   * @param writtenBytes all that was written to the subflow
   */
  onReceipt<Frame extends ReceiptedFrame>(
    newest: Frame | undefined,
    delayMs: number,
    writtenBytes: number,
  ): ReceiptReading<Frame> {
    if (newest === undefined || !this.#knowledge.isTelling(newest.endOffset)) return NOTHING_TOLD;
    this.rtt.addSample(this.#now.ms - newest.sentMs - delayMs);
    if (!this.isMeasured && this.#knowledge.onRoundTrip(this.recentRttMs, writtenBytes)) this.rtt.restart();
    const hasChanged = this.#comparePath();
    return { rateFrame: this.isMeasured ? newest : undefined, hasChanged };
  }

  /** It is doubted, and what is under way stays on it: it is taken for the path that it was. */
  onKept(): void {
    this.#knowledge.onKept();
  }

  /** Such a doubt is over. */
  onKeptEnd(writtenBytes: number): void {
    this.#knowledge.onKeptEnd(writtenBytes);
    this.rtt.restartRecent();
    // Pauses that follow one another may be the longer round trip itself: they do not put it off.
    this.#comparesAtMs = Math.min(this.#comparesAtMs, this.#now.ms + this.#comparisonMs);
  }

  /** It is doubted, and what is under way goes elsewhere. */
  onDoubt(): void {
    this.#knowledge.onDoubt(this.minRttMs);
  }

  onRecover(receiptedBytes: number, writtenBytes: number): void {
    this.#knowledge.onKeptEnd(writtenBytes);
    this.#knowledge.onRecover(receiptedBytes, writtenBytes);
    this.rtt.restart();
  }

  /** The kernel's round trip; of one or two packets without the time for which the far kernel may delay its acknowledgement. */
  get #kernelDelayMs(): number {
    if (this.#kernel === undefined) return 0;
    const { rttMs, unackedBytes } = this.#kernel;
    return unackedBytes < FEW_PACKETS_BYTES ? rttMs - DELAYED_ACK_MS : rttMs;
  }

  /** Some time after a pause: the path may be a longer one now, and what is known of the old one would keep too little in flight. */
  #comparePath(): boolean {
    if (this.#now.ms < this.#comparesAtMs) return false;
    this.#comparesAtMs = Number.POSITIVE_INFINITY;
    if (!this.#knowledge.isMuchLonger(this.rtt.recentMinMs, this.rtt.minMs)) return false;
    this.#knowledge.onLonger(this.rtt.minMs);
    this.rtt.restart();
    return true;
  }
}

/** From this ratio of the kernel's smallest round trip to that of receipts on, these return on a faster subflow. */
const FASTER_RETURN = 1.5;
/** TCP_DELACK_MIN of Linux; RFC 1122 section 4.2.3.2 allows more. */
const DELAYED_ACK_MS = 40;
/** Two packets, as a PING and a RECEIPT are: a kernel counts small ones as full. */
const FEW_PACKETS_BYTES = 3_000;

const NOTHING_TOLD = { rateFrame: undefined, hasChanged: false } as const;
