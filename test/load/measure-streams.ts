import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { createBed } from '../bed/bed.ts';
import type { Namespace } from '../bed/namespace.ts';
import type { Contender, StartedContender } from '../bench/loopback/contenders.ts';
import { openLatency, opensPerSecond, startSource } from '../bench/loopback/load.ts';
import { SILENT_TALK, type Talk } from '../lab/agent/talk.ts';
import { connectionCount } from '../lab/programs.ts';
import { percentile } from '../lab/statistics.ts';
import { CrowdLoad, failures } from './crowd-load.ts';
import type { LoadOptions } from './options.ts';

/** Figures of one contender. What it could not take is absent. */
export interface StreamFigures {
  opensPerSecond?: number;
  openP50Ms?: number;
  openP99Ms?: number;
  /** Idle connections that were there at once. */
  idle?: number;
  /** Resident memory of all its programs for each of them. */
  bytesPerIdle?: number;
  /** Of a message there and back, on each busy connection once a second. */
  turnP50Ms?: number;
  turnP99Ms?: number;
  /** Opens beside all of these. */
  loadedOpenP50Ms?: number;
  loadedOpenP99Ms?: number;
  /** Connections that did not deliver exactly, by reason; and of how many. */
  failures?: Readonly<Record<string, number>>;
  connections?: number;
}

const LANES = 32;
/** A just-in-time compiler needs some seconds to reach full speed. */
const WARM_UP_MS = 3_000;
const OPENS_MS = 5_000;
/** Of the opens whose time is taken: no contender is busy with them. */
const PACED_PER_SECOND = 200;
const CROWD_PORT = 8081;
const BEGIN_PER_SECOND = 500;
/** How long the idle ones wait between their two messages: longer than everything that is measured beside them. */
const IDLE_MS = 100_000;
const SETTLE_MS = 4_000;
/** For what has begun to reach the origin. */
const OPEN_LIMIT_MS = 20_000;
const LOOK_EVERY_MS = 500;
const MESSAGE_BYTES = 200;
const TURNS = 15;
const FINISH_MS = 60_000;
/** So much of them must be there for their memory to mean anything. */
const ENOUGH = 0.99;

/** Measures one contender in a namespace of its own. `onBed` learns of it, to close it when all is to end. */
export async function measureStreams(
  contender: Contender,
  options: LoadOptions,
  onBed: (bed: { close(): Promise<void> }) => void,
): Promise<StreamFigures> {
  const bed = await createBed({ uplinks: [], congestionControl: 'cubic' });
  try {
    onBed(bed);
    const where = bed.client;
    await startSource(where, 80);
    const started = await contender.start(where);
    const figures: StreamFigures = {};
    await measureOpens(where, started, figures);
    await measureCrowd(where, started, options, figures);
    await started.stop();
    return figures;
  } finally {
    await bed.close();
  }
}

async function measureOpens(
  where: Namespace,
  { target }: StartedContender,
  figures: StreamFigures,
): Promise<void> {
  await opensPerSecond(where, target, LANES, WARM_UP_MS);
  figures.opensPerSecond = await opensPerSecond(where, target, LANES, OPENS_MS);
  const { p50Ms, p99Ms } = await openLatency(where, target, PACED_PER_SECOND, OPENS_MS);
  Object.assign(figures, { openP50Ms: p50Ms, openP99Ms: p99Ms });
}

async function measureCrowd(
  where: Namespace,
  { target, pids }: StartedContender,
  { idle, active }: LoadOptions,
  figures: StreamFigures,
): Promise<void> {
  const proxy = { host: target.address, port: target.proxyPort };
  const load = await CrowdLoad.start(where, { host: target.address, port: CROWD_PORT });
  const idleTalks = turns(1, idle, 2, IDLE_MS);
  const activeTalks = turns(1 + idle, active, TURNS, 1_000);
  await sleep(SETTLE_MS);
  const before = await residentBytes(pids);
  await load.begin(idleTalks, BEGIN_PER_SECOND, () => proxy);
  figures.idle = await held(pids[0]!, idle);
  await sleep(SETTLE_MS);
  if (idle > 0 && figures.idle >= ENOUGH * idle)
    figures.bytesPerIdle = ((await residentBytes(pids)) - before) / figures.idle;
  await load.begin(activeTalks, BEGIN_PER_SECOND, () => proxy);
  const opens = openLatency(where, target, PACED_PER_SECOND, OPENS_MS).catch(() => undefined);
  const activeEnds = await load.ends(activeTalks, FINISH_MS);
  const loaded = await opens;
  const times = activeEnds.flatMap(({ turnTimesMs = [] }) => turnTimesMs);
  const idleEnds = await load.ends(idleTalks, IDLE_MS + FINISH_MS);
  Object.assign(figures, {
    ...(times.length > 0 ? { turnP50Ms: percentile(times, 0.5), turnP99Ms: percentile(times, 0.99) } : {}),
    ...(loaded ? { loadedOpenP50Ms: loaded.p50Ms, loadedOpenP99Ms: loaded.p99Ms } : {}),
    failures: failures([...idleTalks, ...activeTalks], [...idleEnds, ...activeEnds]),
    connections: idle + active,
  });
}

/** How many connections have reached the origin, when all have, or after a while. */
async function held(pid: number, wanted: number): Promise<number> {
  const limitMs = performance.now() + OPEN_LIMIT_MS;
  for (;;) {
    const count = await connectionCount(pid, CROWD_PORT);
    if (count >= wanted || performance.now() > limitMs) return count;
    await sleep(LOOK_EVERY_MS);
  }
}

/** So many conversations of so many messages. */
function turns(firstKey: number, count: number, messages: number, pauseMs: number): Talk[] {
  const bytes = messages * MESSAGE_BYTES;
  return Array.from({ length: count }, (_, index) => ({
    ...SILENT_TALK,
    key: firstKey + index,
    order: 'turns',
    upBytes: bytes,
    downBytes: bytes,
    messageBytes: MESSAGE_BYTES,
    pauseMs,
  }));
}

/** Resident memory of these processes together. */
export async function residentBytes(pids: readonly number[]): Promise<number> {
  let bytes = 0;
  for (const pid of pids) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    bytes += 1024 * Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0);
  }
  return bytes;
}
