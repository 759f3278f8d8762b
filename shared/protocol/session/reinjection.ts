import type { Now } from '../now.ts';
import { deliveryTimeMs, least } from '../scheduler/delivery-time.ts';
import type { Segment } from '../scheduler/packet-scheduler.ts';
import type { Stream } from '../stream/stream.ts';
import type { LedgerEntry } from '../subflow/ledger.ts';
import type { SessionSubflow } from './sent-item.ts';
import type { TransmitStatistics } from './transmit-statistics.ts';
import type { Turn } from './turn.ts';
import { UnderWay } from './under-way.ts';

export interface CopyTuning {
  /** Copies of head-of-line segments may cost this share of all bytes sent, */
  readonly share: number;
  /** and this much on top. */
  readonly allowanceBytes: number;
  /** A segment younger than the shortest round trip, within these bounds, is not copied. */
  readonly minAgeMs: number;
  readonly maxAgeMs: number;
}

export const COPY_TUNING: CopyTuning = {
  share: 0.05,
  allowanceBytes: 256 * 1024,
  minAgeMs: 20,
  maxAgeMs: 500,
};

/** Segments looked at per stream and turn. */
const SEARCH_SEGMENTS = 32;

export interface Copy extends Segment {
  readonly target: SessionSubflow;
  /** When the first of those that are under way was sent. */
  readonly firstSentMs: number;
}

export interface CopyOptions {
  readonly now: Now;
  readonly tuning: { readonly copies: CopyTuning };
}

/** Copies the segments that hold streams up, within a share of all that is sent. */
export class HeadOfLineCopies {
  readonly #options: CopyOptions;
  readonly #statistics: TransmitStatistics;
  /** Streams that had no look since the first of them had. */
  #ahead: Iterator<Stream> | undefined;

  constructor(options: CopyOptions, statistics: TransmitStatistics) {
    this.#options = options;
    this.#statistics = statistics;
  }

  /** Looks at one stream after the other, as many as one search may cost; the next call goes on with the rest. */
  copy(streams: Iterable<Stream>, turn: Turn): void {
    // There is no other one for a copy.
    if (turn.subflows.length < 2) return;
    this.#ahead ??= streams[Symbol.iterator]();
    const underWay = new UnderWay(turn.subflows);
    const hasDegraded = turn.subflows.some(({ isDegraded }) => isDegraded);
    while (!underWay.isExhausted) {
      const { value: stream, done } = this.#ahead.next();
      if (done === true) {
        this.#ahead = undefined;
        return;
      }
      underWay.spend(1);
      if (!isHeldUp(stream) && !hasDegraded) continue;
      const candidates = turn.carriersOf(stream);
      underWay.spend(candidates.length);
      if (candidates.some((subflow) => subflow.canTake)) this.#copyHead(stream, candidates, underWay);
    }
  }

  /** Segment after segment, as long as they are late: a subflow that has collapsed holds many of them. */
  #copyHead(stream: Stream, candidates: readonly SessionSubflow[], underWay: UnderWay): void {
    const { send } = stream;
    const { share, allowanceBytes } = this.#options.tuning.copies;
    for (let from = send.firstUndelivered(0); from !== undefined; ) {
      // What a degraded subflow carries was sent from far ahead: where all in front of it has arrived, it is late.
      if (!isHeldUp(stream) && !waitsForDegraded(stream, from, candidates, underWay)) return;
      const copy = headOfLineCopy(stream, from, candidates, underWay, this.#options);
      if (copy === undefined) return;
      const { sentBytes, copiedBytes } = this.#statistics;
      if (copiedBytes + copy.length > sentBytes * share + allowanceBytes) return;
      const { target, dsn, length, fin, firstSentMs } = copy;
      const again = 'copy';
      target.append(send.copy(dsn, length, fin), { kind: 'data', stream, dsn, length, fin, again });
      stream.delays.onAgain(send.firstUndelivered(dsn) ?? dsn, firstSentMs);
      stream.carried.of(target.uplink.name).sentBytes += length;
      this.#statistics.sentBytes += length;
      this.#statistics.copiedBytes += length;
      from = send.firstUndelivered(dsn + length);
    }
  }
}

/** Whether nothing but a copy can help it on. */
function isHeldUp({ send }: Stream): boolean {
  return send.isWindowBlocked || send.isTail;
}

/** Whether the byte at `dsn` is under way on degraded subflows alone. */
function waitsForDegraded(
  stream: Stream,
  dsn: number,
  subflows: readonly SessionSubflow[],
  underWay: UnderWay,
): boolean {
  const carriers = subflows.filter((subflow) => underWay.find(stream, dsn, subflow) !== undefined);
  return carriers.length > 0 && carriers.every(({ isDegraded }) => isDegraded);
}

/** Whether everything that was written to a subflow has arrived, on it or on others. */
export function isDeliveredElsewhere(subflow: SessionSubflow): boolean {
  return subflow.outbox.ledger.areSettled(({ item }) => {
    // A ping, or a WINDOW that a later one has replaced, is missed by nobody.
    if (item.kind === 'control') return item.control.isReceipted || item.control.encode() === undefined;
    return item.kind !== 'data' || !item.stream.send.isUndelivered(item.dsn, item.length);
  });
}

/**
 * Opportunistic reinjection (RFC 6182 section 5.1.5's retransmission on another path; NSDI 2012): of the segments that hold
 * the stream up, from `dsn` on, the first that a free subflow would deliver in less than half the time that its carrier
 * still needs.
 */
export function headOfLineCopy(
  stream: Stream,
  dsn: number,
  subflows: readonly SessionSubflow[],
  underWay: UnderWay,
  { now, tuning }: CopyOptions,
): Copy | undefined {
  const { minAgeMs, maxAgeMs } = tuning.copies;
  const { scheduler } = stream.steering;
  const shortestRttMs = Math.min(...subflows.map(({ smoothedRttMs }) => smoothedRttMs));
  const ageLimitMs = Math.max(minAgeMs, Math.min(1.1 * shortestRttMs, maxAgeMs));
  let from: number | undefined = dsn;
  for (let looked = 0; from !== undefined && looked < SEARCH_SEGMENTS; looked++) {
    const carried = carriersOf(stream, from, subflows, underWay);
    if (carried === undefined) return undefined;
    const { segment, carriers, firstSentMs, youngestMs, remainingMs } = carried;
    const free = subflows.filter(
      (subflow) => !carriers.has(subflow) && subflow.canTake && scheduler.mayCopy?.(subflow) !== false,
    );
    const target = least(free, (subflow) => deliveryTimeMs(subflow, segment.length));
    const isLate = now.ms - youngestMs >= ageLimitMs;
    if (isLate && target !== undefined && deliveryTimeMs(target, segment.length) < remainingMs / 2) {
      return { target, firstSentMs, ...segment };
    }
    from = stream.send.firstUndelivered(segment.dsn + segment.length);
  }
  return undefined;
}

/** The undelivered segment at `dsn` and the subflows it is under way on. */
function carriersOf(stream: Stream, dsn: number, subflows: readonly SessionSubflow[], underWay: UnderWay) {
  const carriers = new Set<SessionSubflow>();
  let segment: Segment | undefined;
  let firstSentMs = Number.POSITIVE_INFINITY;
  let youngestMs = 0;
  let remainingMs = Number.POSITIVE_INFINITY;
  for (const subflow of subflows) {
    const found = underWay.find(stream, dsn, subflow);
    if (found === undefined) continue;
    carriers.add(subflow);
    segment ??= found.segment;
    firstSentMs = Math.min(firstSentMs, found.entry.sentMs);
    youngestMs = Math.max(youngestMs, found.entry.sentMs);
    remainingMs = Math.min(remainingMs, remainingTimeMs(subflow, found.entry));
  }
  return segment && { segment, carriers, firstSentMs, youngestMs, remainingMs };
}

/** How long until the frame is delivered, by what is ahead of it and the subflow's rate now. */
function remainingTimeMs(subflow: SessionSubflow, entry: LedgerEntry): number {
  const { rateBytesPerSecond, minRttMs, isDegraded, meter } = subflow;
  const aheadBytes = entry.endOffset - subflow.outbox.ledger.receiptedBytes;
  const { cwndBytes = Number.POSITIVE_INFINITY, rttMs = 1 } = meter.kernel ?? {};
  // BBR remembers the round trip of a path that has become longer for ten seconds, and lets out less and less.
  const most = isDegraded ? (cwndBytes * 1000) / rttMs : Number.POSITIVE_INFINITY;
  return (aheadBytes * 1000) / Math.min(rateBytesPerSecond, most) + minRttMs / 2;
}
