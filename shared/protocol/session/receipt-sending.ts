import { encodeControl, MAX_RECEIPT_ENTRIES, type ReceiptEntry } from '../codec/frame.ts';
import type { Now } from '../now.ts';
import type { SessionSubflow } from './sent-item.ts';
import { byExpectedDelivery, onDistinctUplinks, trustedOrAll } from './trusted-subflows.ts';

/** When a receipt must leave; infinite while none is due, or while nothing can carry one. */
export function receiptDeadlineMs(subflows: readonly SessionSubflow[]): number {
  if (!trustedOrAll(subflows).some((subflow) => subflow.outbox.isWritable)) return Number.POSITIVE_INFINITY;
  return Math.min(...subflows.map(({ receipts }) => receipts.dueMs));
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
