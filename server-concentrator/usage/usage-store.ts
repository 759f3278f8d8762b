import type { UsageBatch, UsageTotal } from './usage-count.ts';

/** Where usage is kept. */
export interface UsageStore {
  /** How long counts gather before they are written. */
  readonly saveEveryMs: number;
  /** Adds a batch, once. Rejects where it cannot be written now. */
  write(batch: UsageBatch): Promise<void>;
  /** What all clients used in a month, batches of other concentrators included. Rejects where that cannot be read now. */
  readMonth(month: string): Promise<ReadonlyMap<string, UsageTotal>>;
  /** Nothing is written or read any more. */
  close(): Promise<void>;
}
