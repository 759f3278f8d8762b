import { ProtocolViolation } from '../errors.ts';
import type { KernelMeasurement } from '../kernel-measurement.ts';
import type { Now } from '../now.ts';
import type {
  CongestionController,
  ControlledUplink,
  MakeCongestionController,
} from './congestion-controller.ts';
import { FIRST_SEGMENT_BYTES } from './delivery-rate-controller.ts';
import { FULL_LEDGER_ENTRIES, type LedgerEntry, type LedgerItem } from './ledger.ts';
import { Liveness } from './liveness.ts';
import { Outbox } from './outbox.ts';
import { PathMeter } from './path-meter.ts';
import { ReceiptTracker } from './receipt-tracker.ts';
import { SubflowDuty } from './subflow-duty.ts';
import type { SubflowState } from './subflow-state.ts';
import type { SubflowTuning } from './subflow-tuning.ts';
import type { SubflowView } from './subflow-view.ts';
import type { TokenBucket } from './token-bucket.ts';

/** The uplink of a subflow, as far as the subflow must know it. */
export interface SubflowUplink extends ControlledUplink {
  readonly name: string;
  /** The rate limit for what this end sends there, if there is one. */
  readonly bucket: TokenBucket | undefined;
  /** It costs by the byte: an idle subflow is asked for receipts seldom. */
  readonly isMetered: boolean;
  /** It holds up the others: pings, and nothing that anybody waits for. */
  readonly isParked: boolean;
}

export interface SubflowOptions {
  readonly id: number;
  readonly isBackup: boolean;
  /** Which of its uplink's paths, as in HELLO and JOIN; by default 0. Those with the same path share a bottleneck. */
  readonly path?: number;
  /** The kernel's congestion control for what is sent here, by name, where it is known. */
  readonly congestionControl?: string | undefined;
}

/** One subflow as the core sees it: what is under way on it, how fast it is, and whether it can be heard. */
export class Subflow<Uplink extends SubflowUplink = SubflowUplink, Item extends LedgerItem = LedgerItem>
  implements SubflowView
{
  readonly id: number;
  readonly uplink: Uplink;
  readonly path: number;
  /** That of now. */
  congestionControl: string | undefined;
  readonly outbox = new Outbox<Item>();
  readonly meter: PathMeter;
  readonly congestion: CongestionController;
  readonly liveness: Liveness;
  readonly receipts: ReceiptTracker;
  readonly duty: SubflowDuty;

  constructor(
    options: SubflowOptions,
    uplink: Uplink,
    now: Now,
    tuning: SubflowTuning,
    makeController: MakeCongestionController,
  ) {
    this.id = options.id;
    this.uplink = uplink;
    this.path = options.path ?? 0;
    this.congestionControl = options.congestionControl;
    this.duty = new SubflowDuty(options.id, options.isBackup);
    this.meter = new PathMeter(now, tuning);
    this.receipts = new ReceiptTracker(now, tuning.receipts);
    this.congestion = makeController(this, now, tuning);
    this.liveness = new Liveness(options.id, this, now, tuning);
  }

  // --- what its parts and the packet schedulers see ---

  get state(): SubflowState {
    return this.liveness.state;
  }

  /** When payload last arrived on it. */
  get lastDataMs(): number {
    return this.receipts.lastPayloadMs;
  }

  get inFlightBytes(): number {
    return this.outbox.ledger.inFlightBytes;
  }

  get minRttMs(): number {
    return this.meter.minRttMs;
  }

  get smoothedRttMs(): number {
    return this.meter.rtt.smoothedMs;
  }

  get recentRttMs(): number {
    return this.meter.recentRttMs;
  }

  get delayMs(): number {
    return this.meter.delayMs;
  }

  get lossShare(): number {
    return this.meter.lossShare;
  }

  get isDegraded(): boolean {
    return this.meter.isDegraded;
  }

  get rateBytesPerSecond(): number {
    return this.congestion.expectedBytesPerSecond;
  }

  get isRateGrowing(): boolean {
    return this.congestion.isGrowing;
  }

  get isRateProven(): boolean {
    return this.congestion.isProven;
  }

  get segmentBytes(): number {
    return this.congestion.segmentBytes;
  }

  /** For how long its rate limit holds data back. */
  get heldBackMs(): number {
    return this.uplink.bucket?.waitMs ?? 0;
  }

  /** Whether it takes data now: its transport is idle, its in-flight limit has room, and this turn's commitment is not used up. */
  get canTake(): boolean {
    const { outbox, congestion, liveness, uplink } = this;
    if (!outbox.isWritable || liveness.state !== 'active') return false;
    if (uplink.bucket?.isOpen === false) return false;
    // What is written at once becomes one TLS record, and that counts for nothing until all of it is there: as long as
    // the pipe of a slow subflow, it would make it stop and wait.
    const least = congestion.isProven ? 0 : FIRST_SEGMENT_BYTES;
    if (outbox.pendingBytes >= Math.max(congestion.commitBytes, least)) return false;
    if (outbox.ledger.length >= FULL_LEDGER_ENTRIES) return false;
    return outbox.ledger.inFlightBytes < congestion.inFlightLimitBytes;
  }

  // --- what happens to it ---

  /** Adds a frame to what leaves with the next write. */
  append(buffers: readonly Uint8Array[], item: Item): void {
    const { ledger } = this.outbox;
    const { bucket } = this.uplink;
    if (item.kind !== 'receipt') this.liveness.onQuestion(!ledger.awaitsReceipt);
    const bytes = this.outbox.append(buffers, item, this.congestion.onSent(ledger.inFlightBytes === 0));
    if (item.kind === 'data') bucket?.spend(bytes);
    else if (item.kind === 'datagram') bucket?.spendOnDatagrams(bytes);
    else bucket?.spendUnheld(bytes);
  }

  /**
   * The far side has parsed `bytes` in all.
   * @param delayMs how long the receipt waited there
   * @returns the frames that are known to have arrived now
   * @throws ProtocolViolation when it is more than was ever written
   */
  onReceipt(bytes: number, delayMs: number): readonly LedgerEntry<Item>[] {
    const { meter, congestion } = this;
    const { ledger } = this.outbox;
    if (bytes > ledger.writtenBytes) throw new ProtocolViolation('RECEIPT for more than was sent');
    if (bytes <= ledger.receiptedBytes) return [];
    this.#onSign(0);
    const receipted = ledger.receipt(bytes);
    this.liveness.onReceipt(delayMs);
    const drainBytesPerSecond = meter.onArrived(bytes);
    const { rateFrame, hasChanged } = meter.onReceipt(receipted.at(-1), delayMs, ledger.writtenBytes);
    if (hasChanged) congestion.onPathChanged();
    congestion.onReceipt({ totalBytes: bytes, newest: rateFrame, drainBytesPerSecond });
    return receipted;
  }

  /** Answers the peer's question at once, and asks the same if that would be soon: the two ends then keep asking at the same time. */
  onAsked(): void {
    this.receipts.hurry();
    if (this.state === 'active' && this.liveness.wantsPing(true)) this.liveness.pings.hurry();
  }

  /** Payload has arrived on it. */
  onArrival(bytes: number): void {
    this.receipts.onPayload();
    this.liveness.pings.arrivals.onArrival();
    this.congestion.onArrival(bytes);
  }

  /** The kernel's figures now. */
  onKernel(kernel: KernelMeasurement): void {
    this.congestionControl = kernel.congestionControl ?? this.congestionControl;
    if (kernel.unackedBytes > 0) this.#onSign(kernel.lastAckReceivedMs);
    this.congestion.onKernel(kernel);
    this.meter.onKernel(kernel);
    const bytesPerSecond = this.congestion.isProven ? this.congestion.bytesPerSecond : 0;
    // The kernel's minimum is from before the path became a longer one.
    const rttMs = this.isDegraded ? kernel.rttMs : kernel.minRttMs;
    this.meter.collapse.onKernel(kernel, bytesPerSecond, rttMs);
  }

  /**
   * It is silent, or something outside says that it is in trouble.
   * @param isKept nothing else could carry its data better: it keeps what is under way, and all that is known of the path
   */
  doubt(isKept: boolean): void {
    if (isKept) this.meter.onKept();
    else this.meter.onDoubt();
    this.liveness.doubt(isKept);
    this.meter.collapse.restart();
  }

  /** There is a better place now for what a doubted subflow has kept. */
  leave(): void {
    this.meter.onDoubt();
    this.liveness.leave();
  }

  /** Receipts came again. */
  recover(): void {
    const { receiptedBytes, writtenBytes } = this.outbox.ledger;
    const wasKept = this.liveness.isKept;
    this.liveness.recover();
    this.meter.collapse.restart();
    if (wasKept) {
      this.meter.onKeptEnd(writtenBytes);
    } else {
      this.meter.onRecover(receiptedBytes, writtenBytes);
      this.congestion.onPathChanged();
    }
  }

  close(): void {
    this.liveness.close();
    this.outbox.close();
  }

  /** The path showed life so long ago. */
  #onSign(agoMs: number): void {
    const pauseMs = this.liveness.onSign(agoMs);
    if (pauseMs > 0) this.congestion.onPauseEnd(pauseMs);
  }
}
