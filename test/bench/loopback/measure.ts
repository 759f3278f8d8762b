import { createBed } from '../../bed/bed.ts';
import { BED_PLACE } from '../../lab/bed-place.ts';
import { median } from '../../lab/statistics.ts';
import type { Version } from '../comparison/checkouts.ts';
import { tributary } from '../contestants/tributary.ts';
import { networkById } from '../scenarios.ts';
import { usageOf } from '../usage.ts';
import { type Contender, ORIGIN_PORT } from './contenders.ts';
import { type LoadTarget, openLatency, opensPerSecond, pageMs, pull, startSource } from './load.ts';

/** Figures of one contender in one round. */
export interface LoopbackFigures {
  megabytesPerSecond?: number;
  /** Of both relays. */
  cpuSecondsPerGb?: number;
  /** The rate by HTTP CONNECT as a part of that by SOCKS5: the median of pairs, each measured one right after the other. */
  connectToSocks?: number;
  opensPerSecond?: number;
  openP50Ms?: number;
  openP99Ms?: number;
  /** The same while hardly anything else is open: the median. */
  idleOpenMs?: number;
  /** A hundred small objects that are asked for at once, until all have come. */
  pageMs?: number;
  /** Of the larger relay, since it started. */
  peakRssBytes?: number;
}

const WARM_UP_BYTES = 200_000_000;
const CONNECT_PAIRS = 7;
/** Of the bytes of the other measurement: each download of a pair. */
const CONNECT_PART = 1 / 4;
const LANES = 32;
/** A warm-up, as for the bytes: a just-in-time compiler needs some seconds to reach full speed. */
const WARM_UP_OPENS_MS = 3_000;
const OPENS_MS = 3_000;
const PACED_PER_SECOND = 1_000;
const PACED_MS = 3_000;
const IDLE_PER_SECOND = 20;
const IDLE_MS = 2_000;
const PAGE_OBJECTS = 100;
const PAGES = 15;
/** Half of the rate of the slowest relay. */
const MIN_BYTES_PER_SECOND = 50_000_000;
const SLOW_READER = { scenario: 'E7', bytesPerSecond: 4_000_000 };

/** Measures one contender in a namespace of its own, whose loopback uses CUBIC. */
export async function measureContender(
  contender: Contender,
  bytes: number,
  onBed: (bed: { close(): Promise<void> }) => void,
): Promise<LoopbackFigures> {
  // Not BBR: its pacing halves the rate of loopback, and the relays are to be measured.
  const bed = await createBed({ uplinks: [], congestionControl: 'cubic' });
  onBed(bed);
  try {
    const where = bed.client;
    await startSource(where, ORIGIN_PORT);
    const { target, pids, stop } = await contender.start(where);
    const timeoutMs = 30_000 + (bytes / MIN_BYTES_PER_SECOND) * 1000;
    await pull(where, target, WARM_UP_BYTES, { timeoutMs });
    const before = await usageOf(pids);
    const seconds = await pull(where, target, bytes, { timeoutMs });
    const after = await usageOf(pids);
    const figures: LoopbackFigures = {
      megabytesPerSecond: bytes / 1e6 / seconds,
      cpuSecondsPerGb: (after.cpuSeconds - before.cpuSeconds) / (bytes / 1e9),
      peakRssBytes: after.peakRssBytes,
    };
    if (contender.isHttp) {
      const byHttp = { ...target, isHttp: true } as const;
      const size = bytes * CONNECT_PART;
      const seconds = (one: LoadTarget) => pull(where, one, size, { timeoutMs });
      figures.connectToSocks = await ratioInPairs(
        () => seconds(target),
        () => seconds(byHttp),
      );
    }
    if (contender.isSocks) {
      await opensPerSecond(where, target, LANES, WARM_UP_OPENS_MS);
      figures.opensPerSecond = await opensPerSecond(where, target, LANES, OPENS_MS);
      const latency = await openLatency(where, target, PACED_PER_SECOND, PACED_MS);
      figures.openP50Ms = latency.p50Ms;
      figures.openP99Ms = latency.p99Ms;
      figures.idleOpenMs = (await openLatency(where, target, IDLE_PER_SECOND, IDLE_MS)).p50Ms;
      figures.pageMs = await pageMs(where, target, PAGE_OBJECTS, PAGES);
    }
    await stop();
    return figures;
  } finally {
    await bed.close();
  }
}

/** The median of what the one takes over what the other takes; which is first changes from pair to pair, as a drift would not. */
async function ratioInPairs(one: () => Promise<number>, other: () => Promise<number>): Promise<number> {
  const ratios: number[] = [];
  for (let i = 0; i < CONNECT_PAIRS; i++) {
    const early = i % 2 === 0 ? await one() : undefined;
    const second = await other();
    ratios.push((early ?? (await one())) / second);
  }
  return median(ratios);
}

/** About how long {@link measureSlowReader} takes. */
export function slowReaderMs(bytes: number): number {
  return 5_000 + bytes / (SLOW_READER.bytesPerSecond / 1000);
}

/** The peak memory of the larger proxy, while a reader that is slower than the network takes `bytes` over a satellite link. */
export async function measureSlowReader(
  version: Version,
  bytes: number,
  onBed: (bed: { close(): Promise<void> }) => void,
): Promise<number> {
  const { uplinks } = networkById(SLOW_READER.scenario);
  const bed = await createBed({ uplinks, congestionControl: 'cubic' });
  onBed(bed);
  try {
    await startSource(bed.origin, ORIGIN_PORT);
    const [contestant] = tributary(version).of(networkById(SLOW_READER.scenario), 'cubic');
    const running = await contestant!.start(bed);
    const target = { address: bed.origin.address.v4, port: ORIGIN_PORT, proxyPort: BED_PLACE.socks.port };
    await pull(bed.client, target, bytes, {
      bytesPerSecond: SLOW_READER.bytesPerSecond,
      timeoutMs: 2 * slowReaderMs(bytes),
    });
    const { peakRssBytes } = await usageOf(running.processes.map(({ pid }) => pid));
    await running.stop();
    return peakRssBytes;
  } finally {
    await bed.close();
  }
}
