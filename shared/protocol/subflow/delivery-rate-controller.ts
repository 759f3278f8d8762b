import { MAX_PAYLOAD_BYTES } from '../codec/wire.ts';
import type { KernelMeasurement } from '../kernel-measurement.ts';
import type { Now } from '../now.ts';
import { ArrivalRate } from './arrival-rate.ts';
import type { CongestionController, ControlledSubflow, ReceiptSample } from './congestion-controller.ts';
import type { CongestionTuning, ControllerTuning } from './controller-tuning.ts';
import { HostLag } from './host-lag.ts';
import type { PathMeter } from './path-meter.ts';
import { RateEstimator } from './rate-estimator.ts';
import type { RttEstimator } from './rtt-estimator.ts';
import type { SendState } from './send-state.ts';
import { SharedHostLag } from './shared-host-lag.ts';
import { TurnInterval } from './turn-interval.ts';

/** A segment before a rate is known: one TLS record with its header. */
export const FIRST_SEGMENT_BYTES = 16 * 1024 - 24;

/**
 * Keeps the path full and its queue short: what is in flight stays under a gain times the delivery rate times the round trip
 * time, as BBR's, within what the kernel's own congestion window takes.
 */
export class DeliveryRateController implements CongestionController {
  readonly #now: Now;
  readonly #subflow: ControlledSubflow;
  readonly #tuning: CongestionTuning;
  readonly #receiptIntervalMs: number;
  readonly #rate: RateEstimator;
  readonly #arrivals: ArrivalRate;
  readonly #lag: HostLag;
  readonly #hostLag: SharedHostLag;
  readonly #turns: TurnInterval;
  /** Whether bulk arrives on it, too: receipts then wait in the queue of the other direction. */
  #isTwoWay = false;
  /** Written up to here, little waits in the kernel; by its last figures. */
  #kernelTakesTo = 0;
  #repairsUntilMs = Number.NEGATIVE_INFINITY;
  #isRepairing = false;
  #retransmittedPackets = 0;

  /** @param hostLag of all subflows between the same two hosts */
  constructor(
    subflow: ControlledSubflow,
    now: Now,
    tuning: ControllerTuning,
    hostLag: SharedHostLag = new SharedHostLag(now),
  ) {
    this.#subflow = subflow;
    this.#now = now;
    this.#tuning = tuning.congestion;
    this.#receiptIntervalMs = tuning.receipts.intervalMs;
    this.#rate = new RateEstimator(now, tuning.rate);
    this.#hostLag = hostLag;
    this.#turns = new TurnInterval(now);
    this.#lag = new HostLag(now, subflow.meter, tuning.congestion);
    this.#arrivals = new ArrivalRate(now, tuning.rtt.recentSpanMs);
  }

  get bytesPerSecond(): number {
    return this.#rate.bytesPerSecond;
  }

  get recentBytesPerSecond(): number {
    return this.#rate.recentBytesPerSecond;
  }

  get isProven(): boolean {
    return this.#rate.isProven;
  }

  get isGrowing(): boolean {
    return !this.#rate.pipeIsFull;
  }

  /**
   * A subflow that was never kept busy is given the benefit of the doubt, or it would never be tried: what it may have in
   * flight at first over its round trip time.
   */
  get expectedBytesPerSecond(): number {
    const measured = this.#rate.recentBytesPerSecond;
    const most = this.#limitBytesPerSecond;
    if (this.#rate.isProven) return Math.min(measured, most);
    const guess = (this.#firstInFlightBytes * 1000) / Math.max(this.#meter.rtt.smoothedMs, 1);
    return Math.min(Math.max(measured, guess), most);
  }

  get inFlightLimitBytes(): number {
    const { minInFlightBytes, cruiseGain, callCruiseGain, startupGain, minSegmentBytes } = this.#tuning;
    const gain = this.#subflow.uplink.hasCall ? callCruiseGain : cruiseGain;
    if (this.#isTwoWay) {
      // Receipts wait in the queue of the other direction, and would let the rate fall, the limit with the rate, and so on.
      const { inFlightBytes, writtenBytes } = this.#subflow.outbox.ledger;
      return Math.max(inFlightBytes + Math.max(0, this.#kernelTakesTo - writtenBytes), minInFlightBytes);
    }
    const { pipeIsFull, bytesPerSecond } = this.#rate;
    const roundMs = this.#meter.rtt.minMs + this.#receiptIntervalMs;
    const pipeBytes = (bytesPerSecond * roundMs) / 1000;
    const cruiseMs = Math.max(gain * roundMs, roundMs + this.#hostLag.ms);
    // The segment that is arriving counts for nothing until all of it is there, and another one must follow at once.
    const cruiseBytes = (bytesPerSecond * cruiseMs) / 1000 + this.segmentBytes + minSegmentBytes;
    const wanted = pipeIsFull ? cruiseBytes : startupGain * pipeBytes;
    const least = pipeIsFull ? minInFlightBytes : this.#firstInFlightBytes;
    return Math.min(
      Math.max(least, wanted, this.#kernelPipeBytes),
      this.#kernelLimitBytes + (this.#isRepairing ? pipeBytes : 0),
    );
  }

  get commitBytes(): number {
    const { commitMs, callCommitMs, minCommitBytes, maxCommitBytes } = this.#tuning;
    // The next turn comes as much later.
    const turnMs = (this.#subflow.uplink.hasCall ? callCommitMs : commitMs) + this.#hostLag.ms;
    return clamp((this.#rate.bytesPerSecond * turnMs) / 1000, minCommitBytes, maxCommitBytes);
  }

  get segmentBytes(): number {
    const free = this.#rate.isProven ? this.#segmentOf(this.#rate.bytesPerSecond) : FIRST_SEGMENT_BYTES;
    const { bucket } = this.#subflow.uplink;
    return bucket === undefined ? free : Math.min(free, this.#segmentOf(bucket.bytesPerSecond));
  }

  onSent(isIdle: boolean): SendState {
    return this.#rate.onSend(isIdle);
  }

  onReceipt({ totalBytes, newest, drainBytesPerSecond }: ReceiptSample): void {
    if (drainBytesPerSecond !== undefined) this.#rate.prove(drainBytesPerSecond);
    const { rtt, kernel } = this.#meter;
    this.#rate.onReceipt(totalBytes, newest, rtt.minMs);
    this.#isTwoWay =
      kernel !== undefined &&
      this.#rate.pipeIsFull &&
      meetsBulk(this.#arrivals.bytesPerSecond / this.#rate.bytesPerSecond, rtt, this.#tuning);
    // Where bulk arrives, too, receipts wait in its queue.
    if (newest === undefined || this.#isTwoWay) return;
    this.#lag.onRoundTrip(this.#rate.recentBytesPerSecond);
    this.#hostLag.onNews(this.#lag);
  }

  onKernel(kernel: KernelMeasurement): void {
    const { repairRounds, longQueueRtt } = this.#tuning;
    if (kernel.totalRetransmittedPackets > this.#retransmittedPackets) {
      this.#repairsUntilMs = this.#now.ms + repairRounds * kernel.rttMs;
    }
    this.#retransmittedPackets = kernel.totalRetransmittedPackets;
    // Where a queue stands it is the queue that loses packets: more would not come through.
    const hasQueue = kernel.rttMs > kernel.minRttMs * longQueueRtt;
    this.#isRepairing = this.#now.ms < this.#repairsUntilMs && !hasQueue;
    // Beyond the window is what was lost, and is sent again as the window lets it.
    if (this.#isRepairing || kernel.unackedBytes > kernel.cwndBytes) this.#lag.unsettle();
    // Until the next figures so much more may leave than now, or the rate could only fall.
    const turnBytes = (this.#rate.bytesPerSecond * this.#turns.next()) / 1000;
    this.#kernelTakesTo =
      this.#subflow.outbox.ledger.writtenBytes + this.commitBytes + turnBytes - kernel.notSentBytes;
  }

  onArrival(bytes: number): void {
    this.#arrivals.add(bytes);
  }

  onApplicationLimited(): void {
    this.#rate.onApplicationLimited(this.#subflow.outbox.ledger.inFlightBytes);
  }

  onPauseEnd(pauseMs: number): void {
    this.#lag.unsettle();
    this.#rate.resume(pauseMs);
  }

  onPathChanged(): void {
    this.#rate.restart();
  }

  get #meter(): PathMeter {
    return this.#subflow.meter;
  }

  get #limitBytesPerSecond(): number {
    return this.#subflow.uplink.bucket?.bytesPerSecond ?? Number.POSITIVE_INFINITY;
  }

  /** What the kernel's congestion window tells of the pipe where receipts tell too little. */
  get #kernelPipeBytes(): number {
    const { kernel, wasDoubted } = this.#meter;
    if (kernel === undefined) return 0;
    // A lost packet holds receipts back until it comes again; the kernel goes on sending meanwhile, as plain TCP would.
    if (this.#isRepairing) return 2 * kernel.cwndBytes;
    // In slow start it knows first how much comes through, as long as nothing queues.
    const isQueueFree = kernel.rttMs <= kernel.minRttMs * this.#tuning.queueFreeRtt;
    return this.isGrowing && !wasDoubted && isQueueFree ? kernel.cwndBytes : 0;
  }

  /** What the kernel may have under way, and what is at its two ends meanwhile: more would only wait unsent. */
  get #kernelLimitBytes(): number {
    const { kernel } = this.#meter;
    if (kernel === undefined) return Number.POSITIVE_INFINITY;
    const atEndsMs = this.#tuning.commitMs + this.#receiptIntervalMs;
    return kernel.cwndBytes + (this.#rate.bytesPerSecond * atEndsMs) / 1000 + FIRST_SEGMENT_BYTES;
  }

  /** In flight while nothing is known: what the kernel would let out at once, where it tells. */
  get #firstInFlightBytes(): number {
    const { minInFlightBytes, firstInFlightBytes } = this.#tuning;
    const { isMeasured, kernel } = this.#meter;
    if (!isMeasured) return minInFlightBytes;
    return clamp(kernel?.cwndBytes ?? firstInFlightBytes, minInFlightBytes, firstInFlightBytes);
  }

  /** What a rate carries in `segmentMs`. */
  #segmentOf(bytesPerSecond: number): number {
    const { segmentMs, callSegmentMs, minSegmentBytes } = this.#tuning;
    const ms = this.#subflow.uplink.hasCall ? callSegmentMs : segmentMs;
    return Math.round(clamp((bytesPerSecond * ms) / 1000, minSegmentBytes, MAX_PAYLOAD_BYTES));
  }
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}

/** Whether so much payload arrives, this share of what is delivered, that receipts wait in its queue. */
function meetsBulk(share: number, rtt: RttEstimator, tuning: CongestionTuning): boolean {
  const { twoWayShare, leastTwoWayShare, twoWayRtt, twoWaySlackMs } = tuning;
  if (share > twoWayShare) return true;
  return share > leastTwoWayShare && rtt.recentMinMs > twoWayRtt * rtt.minMs + twoWaySlackMs;
}
