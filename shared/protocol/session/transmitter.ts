import { ControlQueue } from '../control/control-queue.ts';
import type { Now } from '../now.ts';
import type { PassingSet } from '../passing-set.ts';
import type { SessionSteering } from '../steering/session-steering.ts';
import type { Stream } from '../stream/stream.ts';
import type { StreamTuning } from '../stream/stream-tuning.ts';
import type { ReceiptTuning } from '../subflow/receipt-tracker.ts';
import { receiptDeadlineMs, sendReceipts } from './receipt-sending.ts';
import { HeadOfLineCopies } from './reinjection.ts';
import type { SessionSubflow } from './sent-item.ts';
import { StreamSender } from './stream-sender.ts';
import type { TransmitStatistics } from './transmit-statistics.ts';
import type { TransmitTuning } from './transmit-tuning.ts';
import { byExpectedDelivery, onDistinctUplinks, trustedOrAll } from './trusted-subflows.ts';
import { Turn } from './turn.ts';

export interface TransmitterOptions {
  readonly now: Now;
  readonly tuning: TransmitTuning & StreamTuning & { readonly receipts: ReceiptTuning };
  readonly steering: SessionSteering;
}

/** Control frames sent in one turn; the rest leave with the next ones. A peer that reads nothing for a while lets many thousands wait. */
export const MAX_CONTROL_PER_TURN = 256;
/** What one turn has left out is looked at so much later, after the inputs of others. */
const REST_AFTER_MS = 1;

/** Decides what leaves on which subflow: control frames, streams in turn, copies, receipts. */
export class Transmitter {
  readonly control = new ControlQueue();
  readonly statistics: TransmitStatistics = {
    sentBytes: 0,
    reinjectedBytes: 0,
    copiedBytes: 0,
    redundantBytes: 0,
  };
  readonly #options: TransmitterOptions;
  readonly #streams: StreamSender;
  readonly #copies: HeadOfLineCopies;
  #hasMoreControl = false;
  #restAtMs = Number.POSITIVE_INFINITY;

  constructor(options: TransmitterOptions) {
    this.#options = options;
    this.#streams = new StreamSender(options, this.statistics);
    this.#copies = new HeadOfLineCopies(options, this.statistics);
  }

  /** The stream may have something to send, or no longer. */
  refresh(stream: Stream): void {
    this.#streams.refresh(stream);
  }

  /** The stream has another policy. */
  onSteered(stream: Stream): void {
    this.#streams.onSteered(stream);
  }

  /** Streams that none of their uplinks can carry, those that have waited longest first. */
  get stranded(): PassingSet<Stream> {
    return this.#streams.stranded;
  }

  /** A subflow takes a write again. @returns whether `transmit` may have something for it, other than a receipt that is due later */
  onWritable(subflow: SessionSubflow): boolean {
    if (!this.control.isEmpty || this.#streams.hasWaiting) return true;
    noteApplicationLimited([subflow]);
    return false;
  }

  /** Fills the subflows' outputs with all that may leave now. */
  transmit(subflows: readonly SessionSubflow[]): void {
    const turn = new Turn(subflows);
    this.#streams.begin(turn);
    this.#sendControl(subflows);
    // Not in front of an OPEN that the turn has left out: the far end bounds the streams that it knows nothing of but their bytes.
    if (turn.trusted.length > 0 && !this.#hasMoreControl) this.#streams.send(turn);
    noteApplicationLimited(subflows);
    sendReceipts(subflows, this.#options.now, this.#options.tuning.receipts.copies);
    const hasRest = this.#hasMoreControl || this.#streams.hasMore;
    this.#restAtMs = hasRest ? this.#options.now.ms + REST_AFTER_MS : Number.POSITIVE_INFINITY;
  }

  /** When `transmit` is wanted again: for a receipt, or for what one turn has left out; infinite while there is neither. */
  deadlineMs(subflows: readonly SessionSubflow[]): number {
    return Math.min(this.#restAtMs, receiptDeadlineMs(subflows));
  }

  /** Copies the segments that hold streams up, within the budget for copies. */
  copyHeadsOfLine(streams: Iterable<Stream>, subflows: readonly SessionSubflow[]): void {
    this.#copies.copy(streams, new Turn(subflows));
  }

  /** About once per shortest round trip. */
  onRound(): void {
    this.#options.steering.onRound(this.#streams.takeWasBlocked());
  }

  #sendControl(subflows: readonly SessionSubflow[]): void {
    this.#hasMoreControl = false;
    if (this.control.isEmpty) return;
    const carriers = trustedOrAll(subflows);
    for (let sent = 0; !this.control.isEmpty; sent++) {
      const free = byExpectedDelivery(carriers);
      if (free.length === 0) return;
      if (sent === MAX_CONTROL_PER_TURN) {
        this.#hasMoreControl = true;
        return;
      }
      const next = this.control.shift();
      if (next === undefined) return;
      for (const subflow of onDistinctUplinks(free, next.item.copies)) {
        subflow.append([next.bytes], { kind: 'control', control: next.item });
      }
    }
  }
}

/** A subflow with room left over is slower than it could be: there was nothing to send, or a better one to wait for. */
function noteApplicationLimited(subflows: readonly SessionSubflow[]): void {
  for (const subflow of subflows) {
    if (subflow.canTake) subflow.congestion.onApplicationLimited();
  }
}
