import { createBed } from '../../bed/bed.ts';
import { BED_PLACE } from '../../lab/bed-place.ts';
import type { Version } from '../comparison/checkouts.ts';
import { tributary } from '../contestants/tributary.ts';
import { networkById } from '../scenarios.ts';
import { usageOf } from '../usage.ts';
import { type Contender, ORIGIN_PORT } from './contenders.ts';
import { openLatency, opensPerSecond, pull, startSource } from './load.ts';

/** Figures of one contender in one round. */
export interface LoopbackFigures {
  megabytesPerSecond?: number;
  /** Of both relays. */
  cpuSecondsPerGb?: number;
  opensPerSecond?: number;
  openP50Ms?: number;
  openP99Ms?: number;
  /** Of the larger relay, since it started. */
  peakRssBytes?: number;
}

const WARM_UP_BYTES = 200_000_000;
const LANES = 32;
/** A warm-up, as for the bytes: a just-in-time compiler needs some seconds to reach full speed. */
const WARM_UP_OPENS_MS = 3_000;
const OPENS_MS = 3_000;
const PACED_PER_SECOND = 1_000;
const PACED_MS = 3_000;
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
    if (contender.isSocks) {
      await opensPerSecond(where, target, LANES, WARM_UP_OPENS_MS);
      figures.opensPerSecond = await opensPerSecond(where, target, LANES, OPENS_MS);
      const latency = await openLatency(where, target, PACED_PER_SECOND, PACED_MS);
      figures.openP50Ms = latency.p50Ms;
      figures.openP99Ms = latency.p99Ms;
    }
    await stop();
    return figures;
  } finally {
    await bed.close();
  }
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
    const target = { address: bed.origin.address.v4, port: ORIGIN_PORT, socksPort: BED_PLACE.socks.port };
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
