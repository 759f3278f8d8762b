import { readFile } from 'node:fs/promises';
import { createBed } from '../bed/bed.ts';
import { usageOf } from '../bench/usage.ts';
import { SILENT_TALK, type Talk } from '../lab/agent/talk.ts';
import { grid } from '../lab/grid.ts';
import { median } from '../lab/statistics.ts';
import type { TributarySetup } from '../lab/tributary-setup.ts';
import { CrowdLoad, failureCount, failures, LOOPBACK_ORIGIN } from './crowd-load.ts';
import { ManySessions } from './many-sessions.ts';
import { ProcessorShares } from './processor-shares.ts';

/** What one run cost the concentrator, and how long it took. Seconds of processes are of processor time, in the kernel too. */
export interface WorkersFigures {
  readonly workers: number;
  readonly gigabytes: number;
  /** From the first download's begin to the last one's end. */
  readonly elapsedSeconds: number;
  /** Of the first process, where it is not the only one. */
  readonly firstSeconds: number;
  /** Of each process that serves clients. */
  readonly servingSeconds: readonly number[];
  readonly failures: Readonly<Record<string, number>>;
}

/** Runs of each number of workers, in turn. */
const RUNS = 3;
/** Which worker gets which session is told by load and chance, and so never quite even. */
const SESSIONS = 24;
const BYTES_PER_SESSION = 32e6;
const FINISH_MS = 120_000;
/** Of a core, for each process of the concentrator: it is at its limit then, and load generators have the rest of the machine. */
const PROCESSOR_SHARE = 0.3;
/** The same downloads before, with all of the machine: until then a process compiles what it runs, for seconds. */
const WARM_UPS = 4;
const DOWNLOADS_PER_SECOND = 100;

/**
 * The same downloads through a concentrator of one process and of several, each process held to the same small share of a core. Load
 * generators take the rest, so they hold nothing up, and the time that the downloads take tells what each number of
 * processes can carry. With a core each they carry that many times more.
 */
export async function measureWorkers(
  setup: TributarySetup,
  workers: number,
  onBed: (bed: { close(): Promise<void> }) => void,
): Promise<readonly WorkersFigures[]> {
  const figures: WorkersFigures[] = [];
  for (let run = 0; run < RUNS; run++) {
    for (const count of [1, workers]) figures.push(await measureOnce(setup, count, onBed));
  }
  return figures;
}

/** Gigabits a second that the processes carry, were each to have a core of its own. */
export function capacityGbit({ gigabytes, elapsedSeconds }: WorkersFigures): number {
  return (gigabytes * 8) / elapsedSeconds / PROCESSOR_SHARE;
}

/** The table, and how many times one process several are. */
export function workersText(figures: readonly WorkersFigures[]): string {
  const capacities = (isOne: boolean) =>
    median(figures.filter(({ workers }) => (workers === 1) === isOne).map(capacityGbit));
  const [one, several] = [capacities(true), capacities(false)];
  const seconds = (value: number) => value.toFixed(2);
  return [
    `each process of the concentrator held to ${PROCESSOR_SHARE} of a core`,
    grid([
      ['workers', 'GB', 'took s', 'first s', 'each worker s', 's/GB', 'Gbit/s a core each', 'failed'],
      ...figures.map((run) => [
        String(run.workers),
        run.gigabytes.toFixed(2),
        seconds(run.elapsedSeconds),
        seconds(run.firstSeconds),
        run.servingSeconds.map(seconds).join(' '),
        seconds(
          (run.firstSeconds + run.servingSeconds.reduce((sum, value) => sum + value, 0)) / run.gigabytes,
        ),
        capacityGbit(run).toFixed(2),
        String(failureCount(run.failures)),
      ]),
    ]),
    `medians: one process ${one.toFixed(2)} Gbit/s, several ${several.toFixed(2)}: ${(several / one).toFixed(2)} times`,
  ].join('\n');
}

async function measureOnce(
  setup: TributarySetup,
  workers: number,
  onBed: (bed: { close(): Promise<void> }) => void,
): Promise<WorkersFigures> {
  const bed = await createBed({ uplinks: [], congestionControl: 'cubic' });
  const shares = new ProcessorShares();
  try {
    onBed(bed);
    const settings = { 'limits.memoryTotal': '1GiB', workers };
    const many = await ManySessions.start(setup, bed.client, { sessions: SESSIONS, settings });
    await many.startClients();
    const load = await CrowdLoad.start(bed.client, LOOPBACK_ORIGIN);
    const pids = [many.concentrator.pid!, ...(await childrenOf(many.concentrator.pid!))];
    for (let done = 0; done < WARM_UPS; done++) await downloads(load, many, done);
    for (const pid of pids) await shares.limit(pid, PROCESSOR_SHARE);
    const before = await Promise.all(pids.map(secondsOf));
    const beganMs = performance.now();
    const failed = await downloads(load, many, WARM_UPS);
    const elapsedSeconds = (performance.now() - beganMs) / 1000;
    const after = await Promise.all(pids.map(secondsOf));
    const [first = 0, ...others] = after.map((seconds, i) => seconds - before[i]!);
    await many.end();
    return {
      workers,
      gigabytes: (SESSIONS * BYTES_PER_SESSION) / 1e9,
      elapsedSeconds,
      firstSeconds: others.length === 0 ? 0 : first,
      servingSeconds: others.length === 0 ? [first] : others,
      failures: failed,
    };
  } finally {
    await bed.close();
    await shares.remove();
  }
}

/** One in each session, all at once. Tells the failures, by reason. */
async function downloads(
  load: CrowdLoad,
  many: ManySessions,
  round: number,
): Promise<Readonly<Record<string, number>>> {
  const talks: Talk[] = Array.from({ length: SESSIONS }, (_, index) => ({
    ...SILENT_TALK,
    key: round * SESSIONS + index + 1,
    upBytes: 100,
    downBytes: BYTES_PER_SESSION,
  }));
  await load.begin(talks, DOWNLOADS_PER_SECOND, (index) => many.proxyOf(index));
  return failures(talks, await load.ends(talks, FINISH_MS));
}

const secondsOf = async (pid: number) => (await usageOf([pid])).cpuSeconds;

async function childrenOf(pid: number): Promise<readonly number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.trim().split(/\s+/).filter(Boolean).map(Number);
}
