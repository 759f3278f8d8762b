import { deliveryTimeMs, least } from '../scheduler/scheduler.ts';
import type { SendStream } from '../stream/send-stream.ts';
import type { LedgerEntry } from '../subflow/ledger.ts';
import type { Subflow } from '../subflow/subflow.ts';
import { MAX_COPY_AGE_MS, MIN_COPY_AGE_MS } from '../tunables.ts';

/** Entries looked at per subflow to find the one that holds a stream up; it is among the oldest. */
const SEARCH_DEPTH = 256;
/** Segments looked at per stream and turn. */
const SEARCH_SEGMENTS = 32;

export interface Copy {
  readonly target: Subflow;
  readonly dsn: number;
  readonly length: number;
  readonly fin: boolean;
}

/** Whether everything that was written to a subflow has arrived, on it or on others. */
export function isDeliveredElsewhere(subflow: Subflow): boolean {
  for (const { item } of subflow.outbox.ledger.oldestEntries()) {
    // A ping, or a WINDOW that a later one has replaced, is missed by nobody.
    if (item.kind === 'control' && !item.control.isReceipted && item.control.encode() !== undefined)
      return false;
    if (item.kind === 'data' && item.stream.isUndelivered(item.dsn, item.length)) return false;
  }
  return true;
}

/**
 * Opportunistic reinjection (RFC 6182 section 5.1.5's retransmission on another path; NSDI 2012): of the segments that hold
 * the stream up, from `dsn` on, the first that a free subflow would deliver in less than half the time that its carrier
 * still needs.
 *
 * @param mayCopy whether a copy may go to a subflow at all; absent: to any
 */
export function headOfLineCopy(
  stream: SendStream,
  dsn: number,
  subflows: readonly Subflow[],
  nowMs: number,
  mayCopy?: (target: Subflow) => boolean,
): Copy | undefined {
  const shortestRttMs = Math.min(...subflows.map(({ smoothedRttMs }) => smoothedRttMs));
  const ageLimitMs = Math.max(MIN_COPY_AGE_MS, Math.min(1.1 * shortestRttMs, MAX_COPY_AGE_MS));
  let from: number | undefined = dsn;
  for (let looked = 0; from !== undefined && looked < SEARCH_SEGMENTS; looked++) {
    const carried = carriersOf(stream, from, subflows);
    if (carried === undefined) return undefined;
    const { segment, carriers, youngestMs, remainingMs } = carried;
    const free = subflows.filter(
      (subflow) => !carriers.has(subflow) && subflow.canTake && mayCopy?.(subflow) !== false,
    );
    const target = least(free, (subflow) => deliveryTimeMs(subflow, segment.length));
    const isLate = nowMs - youngestMs >= ageLimitMs;
    if (isLate && target !== undefined && deliveryTimeMs(target, segment.length) < remainingMs / 2) {
      return { target, ...segment };
    }
    from = stream.firstUndelivered(segment.dsn + segment.length);
  }
  return undefined;
}

/** The undelivered segment at `dsn` and the subflows it is under way on. */
function carriersOf(stream: SendStream, dsn: number, subflows: readonly Subflow[]) {
  const carriers = new Set<Subflow>();
  let segment: Omit<Copy, 'target'> | undefined;
  let youngestMs = 0;
  let remainingMs = Number.POSITIVE_INFINITY;
  for (const subflow of subflows) {
    const found = carrierOf(stream, dsn, subflow);
    if (found === undefined) continue;
    carriers.add(subflow);
    segment ??= found.segment;
    youngestMs = Math.max(youngestMs, found.entry.sentMs);
    remainingMs = Math.min(remainingMs, remainingTimeMs(subflow, found.entry));
  }
  return segment && { segment, carriers, youngestMs, remainingMs };
}

/** How long until the frame is delivered, by what is ahead of it and the subflow's rate now. */
function remainingTimeMs(subflow: Subflow, entry: LedgerEntry): number {
  const aheadBytes = entry.endOffset - subflow.outbox.ledger.receiptedBytes;
  return (aheadBytes * 1000) / subflow.rateBytesPerSecond + subflow.minRttMs / 2;
}

/** The frame under way on `subflow` that carries the byte at `dsn`, if it does. */
export function carrierOf(
  stream: SendStream,
  dsn: number,
  subflow: Subflow,
): { entry: LedgerEntry; segment: { dsn: number; length: number; fin: boolean } } | undefined {
  for (const entry of subflow.outbox.ledger.oldestEntries(SEARCH_DEPTH)) {
    const { item } = entry;
    if (item.kind !== 'data' || item.stream !== stream) continue;
    const end = item.dsn + item.length;
    // What lies below `dsn` is delivered, and its memory may have been given back.
    if (item.dsn <= dsn && dsn < end) return { entry, segment: { dsn, length: end - dsn, fin: item.fin } };
  }
  return undefined;
}
