import type { SessionSubflow } from './sent-item.ts';

/** Of the rate of the others: what drains less than this brings too little to wait for. */
const MUCH_SHARE = 1 / 4;

/**
 * Whether subflows that were doubted bring what was taken back from them after all, and fast enough beside the others: a path that has
 * collapsed empties its queue for seconds, and all of that would arrive twice.
 */
export function bringsWhatWasLost(subflows: readonly SessionSubflow[]): boolean {
  let drains = 0;
  let others = 0;
  for (const { meter, outbox, liveness, rateBytesPerSecond } of subflows) {
    const bytesPerSecond = liveness.isHeard
      ? meter.drainBytesPerSecond(outbox.ledger.receiptedBytes)
      : undefined;
    if (bytesPerSecond === undefined) others += rateBytesPerSecond;
    else drains += bytesPerSecond;
  }
  return drains > MUCH_SHARE * others;
}
