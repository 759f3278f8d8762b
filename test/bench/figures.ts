import type { Direction } from '../bed/emulator.ts';
import { BUCKET_MS, type Transfer } from '../lab/agent/arrivals.ts';
import type { ClientResult } from '../lab/agent/job.ts';
import type { Watched } from '../lab/agent/watch.ts';
import { median, percentile } from '../lab/statistics.ts';
import { capacity } from './faults.ts';
import type { Scenario } from './scenarios.ts';
import { WARM_UP_MS } from './workloads/bulk.ts';

/** The figures of one run. Those that have no meaning for it are absent. */
export interface Figures {
  /** Application bytes from the first to the last. */
  goodputMbps?: number;
  /** The same without the first two seconds. */
  steadyMbps?: number;
  /** `goodputMbps` over the sum of the uplinks' rates. */
  overSum?: number;
  steadyOverSum?: number;
  p50Ms?: number;
  p95Ms?: number;
  /** All objects of a page. */
  totalMs?: number;
  /** Longest silence after the fault. */
  longestGapMs?: number;
  /** Rate in the judged time over what the network could carry then. */
  afterFault?: number;
  /** Fetches or echoes that went wrong, or 1 for a bulk transfer that was reset or not exact. */
  failures: number;
  /** Bytes sent more than once because their subflow was in doubt, over the transfer's. */
  lostShare?: number;
  /** Bytes copied to a second subflow on suspicion, over the transfer's. */
  copyShare?: number;
  peakReorderBytes?: number;
  /** Of both proxies, with the time to serve their metrics, which matters on slow links. */
  cpuSecondsPerGb?: number;
  /** Of the larger proxy. */
  peakRssBytes?: number;
}

/** What was observed in a run. */
export interface Observed {
  readonly scenario: Scenario;
  readonly direction: Direction;
  readonly result: ClientResult;
  readonly transfer?: Transfer;
  readonly watched?: { readonly client: Watched; readonly concentrator: Watched };
  readonly cpuSeconds?: number;
  readonly peakRssBytes?: number;
}

/** The figures of a run. */
export function figuresOf(observed: Observed): Figures {
  const { result, transfer, watched } = observed;
  const times = result.timesMs ?? [];
  return {
    failures: (result.failures ?? 0) + (transfer && (transfer.error || !transfer.isExact) ? 1 : 0),
    ...(times.length > 0 ? { p50Ms: median(times), p95Ms: percentile(times, 0.95) } : {}),
    ...(result.totalMs === undefined ? {} : { totalMs: result.totalMs }),
    ...(transfer && transfer.bytes > 0 ? transferFigures(observed, transfer) : {}),
    ...(transfer && watched ? watchedFigures(watched, transfer.bytes) : {}),
    ...(observed.peakRssBytes ? { peakRssBytes: observed.peakRssBytes } : {}),
  };
}

function transferFigures(
  { scenario, direction, cpuSeconds }: Observed,
  transfer: Transfer,
): Partial<Figures> {
  const { fault } = scenario;
  const lengthMs = transfer.endedAtMs - transfer.firstAtMs;
  const sumMbps = capacity(scenario, direction);
  const goodputMbps = mbps(transfer.bytes, lengthMs);
  const steadyMbps = rateBetween(transfer, WARM_UP_MS, lengthMs);
  const figures: Partial<Figures> = { goodputMbps, overSum: goodputMbps / sumMbps };
  if (cpuSeconds) figures.cpuSecondsPerGb = cpuSeconds / (transfer.bytes / 1e9);
  if (!fault && lengthMs > WARM_UP_MS) {
    figures.steadyMbps = steadyMbps;
    figures.steadyOverSum = steadyMbps / sumMbps;
  }
  if (fault?.gapsFromMs !== undefined) {
    const after = transfer.gaps.filter(([atMs, gapMs]) => atMs + gapMs > fault.gapsFromMs!);
    figures.longestGapMs = Math.max(BUCKET_MS, ...after.map(([, gapMs]) => gapMs));
  }
  if (fault?.judged) {
    const { fromMs, toMs, capacityMbps } = fault.judged;
    figures.afterFault = rateBetween(transfer, fromMs, toMs) / capacityMbps(direction);
  }
  return figures;
}

function watchedFigures(
  { client, concentrator }: NonNullable<Observed['watched']>,
  bytes: number,
): Partial<Figures> {
  const both = [client, concentrator];
  const again = (kind: string) =>
    both.reduce(
      (sum, { growth }) => sum + (growth[`tributary_reinjected_bytes_total{kind="${kind}"}`] ?? 0),
      0,
    );
  return {
    lostShare: again('lost') / bytes,
    copyShare: again('copy') / bytes,
    peakReorderBytes: Math.max(...both.map(({ peak }) => peak.tributary_reorder_buffer_bytes ?? 0)),
  };
}

/** Rate of a transfer in a time since its first byte, in Mbit/s. */
export function rateBetween({ buckets }: Pick<Transfer, 'buckets'>, fromMs: number, toMs: number): number {
  const part = buckets.slice(Math.round(fromMs / BUCKET_MS), Math.round(toMs / BUCKET_MS));
  const bytes = part.reduce((sum, count) => sum + count, 0);
  return mbps(bytes, toMs - fromMs);
}

function mbps(bytes: number, ms: number): number {
  return (bytes * 8) / (ms * 1000);
}
