import type { UsageCount, UsageTotal } from './usage-count.ts';

/** What a client carries, counted as it happens. */
export interface UsageMeter {
  upBytes: number;
  downBytes: number;
  connections: number;
}

/** Counts what the clients carry in this process, and hands it on. */
export class UsageMeters {
  /** By client: as many as have had a session. */
  readonly #meters = new Map<string, UsageMeter>();
  readonly #collected = new Map<string, UsageTotal>();

  of(client: string): UsageMeter {
    let meter = this.#meters.get(client);
    if (meter === undefined) {
      meter = { upBytes: 0, downBytes: 0, connections: 0 };
      this.#meters.set(client, meter);
    }
    return meter;
  }

  /** Since the process began. */
  entries(): IterableIterator<[string, UsageTotal]> {
    return this.#meters.entries();
  }

  /** What was counted since the last call. */
  collect(): readonly UsageCount[] {
    const counts: UsageCount[] = [];
    for (const [client, meter] of this.#meters) {
      const before = this.#collected.get(client);
      const upBytes = meter.upBytes - (before?.upBytes ?? 0);
      const downBytes = meter.downBytes - (before?.downBytes ?? 0);
      const connections = meter.connections - (before?.connections ?? 0);
      if (upBytes + downBytes + connections === 0) continue;
      counts.push({ client, upBytes, downBytes, connections });
      this.#collected.set(client, { ...meter });
    }
    return counts;
  }
}
