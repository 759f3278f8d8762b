import type { Direction } from '../bed/emulator.ts';
import { BUCKET_MS, type Transfer } from '../lab/agent/arrivals.ts';
import type { ClientResult } from '../lab/agent/job.ts';
import type { Watched } from '../lab/agent/watch.ts';
import { median, percentile } from '../lab/statistics.ts';
import { capacity } from './fault-script.ts';
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
  /** Of an upload beside a download: the upload over the sum of the rates in its direction. */
  upOverSum?: number;
  p50Ms?: number;
  p95Ms?: number;
  /** All objects of a page. */
  totalMs?: number;
  /** Longest silence after the fault. */
  longestGapMs?: number;
  /** Rate in the judged time over what the network could carry then. */
  afterFault?: number;
  /**
   * From the return of a link, or the first byte after it, until the rate is {@link BACK_SHARE} of the sum; if it never was, the
   * time that there was for it.
   */
  backMs?: number;
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

/** A network is in use again at this share of its sum, as a mean over {@link BACK_WINDOW_MS}. */
const BACK_SHARE = 0.8;
const BACK_WINDOW_MS = 300;

/** What was observed in a run. */
export interface Observed {
  readonly scenario: Scenario;
  readonly direction: Direction;
  readonly result: ClientResult;
  readonly transfer?: Transfer;
  /** Of an upload beside the transfer. */
  readonly upload?: Transfer;
  /** Of all fetches together, where their common rate counts. */
  readonly fetchedBytes?: number;
  readonly watched?: { readonly client: Watched; readonly concentrator: Watched };
  readonly cpuSeconds?: number;
  readonly peakRssBytes?: number;
}

/** The figures of a run. */
export function figuresOf(observed: Observed): Figures {
  const { result, transfer, upload, watched } = observed;
  const times = result.timesMs ?? [];
  return {
    failures: (result.failures ?? 0) + [transfer, upload].filter((one) => one && isWrong(one)).length,
    ...(times.length > 0 ? { p50Ms: median(times), p95Ms: percentile(times, 0.95) } : {}),
    ...(result.totalMs === undefined ? {} : { totalMs: result.totalMs }),
    ...(transfer && transfer.bytes > 0 ? transferFigures(observed, transfer) : {}),
    ...(upload ? { upOverSum: rateOfAll(upload) / capacity(observed.scenario, 'up') } : {}),
    ...fetchedFigures(observed),
    ...(transfer && watched ? watchedFigures(watched, transfer.bytes) : {}),
    ...(observed.peakRssBytes ? { peakRssBytes: observed.peakRssBytes } : {}),
  };
}

function isWrong({ error, isExact }: Transfer): boolean {
  return error !== undefined || !isExact;
}

function fetchedFigures({ scenario, result, fetchedBytes }: Observed): Partial<Figures> {
  if (fetchedBytes === undefined || result.totalMs === undefined) return {};
  const goodputMbps = mbps(fetchedBytes, result.totalMs);
  return { goodputMbps, overSum: goodputMbps / capacity(scenario, 'down') };
}

function transferFigures(
  { scenario, direction, cpuSeconds }: Observed,
  transfer: Transfer,
): Partial<Figures> {
  const { fault } = scenario;
  const lengthMs = transfer.endedAtMs - transfer.firstAtMs;
  const sumMbps = capacity(scenario, direction);
  const goodputMbps = rateOfAll(transfer);
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
  if (fault?.judged)
    figures.afterFault = Math.min(...judgedShares(scenario, direction, transfer).map(([, share]) => share));
  if (fault?.backAtMs !== undefined) figures.backMs = backMs(transfer, fault.backAtMs, BACK_SHARE * sumMbps);
  return figures;
}

/** The rate in each judged time of a fault over what the network could carry then, with what happened. */
export function judgedShares(
  { fault }: Scenario,
  direction: Direction,
  transfer: Transfer,
): [name: string, share: number][] {
  return (fault?.judged ?? []).map(({ name = '', fromMs, toMs, capacityMbps }) => [
    name,
    rateBetween(transfer, fromMs, toMs) / capacityMbps(direction),
  ]);
}

function backMs(transfer: Transfer, backAtMs: number, wantedMbps: number): number {
  const endMs = transfer.endedAtMs - transfer.firstAtMs;
  for (let toMs = backAtMs + BACK_WINDOW_MS; toMs < endMs; toMs += BUCKET_MS) {
    if (rateBetween(transfer, toMs - BACK_WINDOW_MS, toMs) >= wantedMbps) return toMs - backAtMs;
  }
  return endMs - backAtMs;
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

function rateOfAll({ bytes, firstAtMs, endedAtMs }: Transfer): number {
  return bytes === 0 ? 0 : mbps(bytes, endedAtMs - firstAtMs);
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
