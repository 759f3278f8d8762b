import { encodeControl, MAX_RECEIPT_ENTRIES, type ReceiptEntry } from '../codec/frame.ts';
import type { Now } from '../now.ts';
import type { SessionSubflow } from './sent-item.ts';
import { byExpectedDelivery, onDistinctUplinks, trustedOrAll } from './trusted-subflows.ts';

/** When a receipt must leave; infinite while none is due, or while nothing can carry one. */
export function receiptDeadlineMs(subflows: readonly SessionSubflow[]): number {
  let dueMs = Number.POSITIVE_INFINITY;
  for (const { receipts } of subflows) dueMs = Math.min(dueMs, receipts.dueMs);
  if (dueMs === Number.POSITIVE_INFINITY) return dueMs;
  return trustedOrAll(subflows).some(isWritable) ? dueMs : Number.POSITIVE_INFINITY;
}

/** Sends receipts for all subflows, on the `copies` fastest ones, if one is due. */
export function sendReceipts(subflows: readonly SessionSubflow[], now: Now, copies: number): void {
  if (!subflows.some((subflow) => subflow.receipts.dueMs <= now.ms)) return;
  const free = byExpectedDelivery(trustedOrAll(subflows));
  if (free.length === 0) return;
  const entries: ReceiptEntry[] = [];
  for (const subflow of subflows) {
    const entry = subflow.receipts.take(subflow.id);
    if (entry !== undefined) entries.push(entry);
  }
  const carriers = onDistinctUplinks(free, copies);
  for (let at = 0; at < entries.length; at += MAX_RECEIPT_ENTRIES) {
    const frame = encodeControl({ type: 'receipt', entries: entries.slice(at, at + MAX_RECEIPT_ENTRIES) });
    for (const subflow of carriers) subflow.append([frame], { kind: 'receipt' });
  }
}

function isWritable({ outbox }: SessionSubflow): boolean {
  return outbox.isWritable;
}
