import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createBed } from '../bed/bed.ts';
import { LOOPBACK_PLACE } from '../bench/loopback/contenders.ts';
import { usageOf } from '../bench/usage.ts';
import { SILENT_TALK, type Talk } from '../lab/agent/talk.ts';
import { grid } from '../lab/grid.ts';
import { endProgram } from '../lab/programs.ts';
import { median } from '../lab/statistics.ts';
import { startConcentrator } from '../lab/tributary-pair.ts';
import type { TributarySetup } from '../lab/tributary-setup.ts';
import { CrowdLoad, failureCount, failures } from './crowd-load.ts';
import { FIRST_PORT, MANY_CLIENTS, untilSessions, writeClients } from './measure-sessions.ts';

/** What one run cost the concentrator. Seconds are of processor time, in the kernel too. */
export interface WorkersFigures {
  readonly workers: number;
  readonly gigabytes: number;
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
const FINISH_MS = 90_000;
const CROWD = { host: '127.0.0.1', port: 8081 };

/**
 * What the same downloads cost a concentrator of one process and one of several. Load generators run on the same cores, take most of
 * their time, and come first; therefore the figure is not the throughput of this run but what the processor time allows: a process carries at most what
 * it carries in a second of its own time.
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

/** Gigabits a second that all processes can carry, each with a core of its own: the busiest is full first. */
export function capacityGbit({ gigabytes, firstSeconds, servingSeconds }: WorkersFigures): number {
  return (gigabytes * 8) / Math.max(firstSeconds, ...servingSeconds);
}

/** The same where all have the same to do. */
export function evenCapacityGbit({ gigabytes, firstSeconds, servingSeconds }: WorkersFigures): number {
  const serving = servingSeconds.reduce((sum, seconds) => sum + seconds, 0);
  return (gigabytes * 8) / Math.max(firstSeconds, serving / servingSeconds.length);
}

/** The table, and how many times one process several are. */
export function workersText(figures: readonly WorkersFigures[]): string {
  const of = (isOne: boolean) => figures.filter(({ workers }) => (workers === 1) === isOne);
  const medians = (capacity: (one: WorkersFigures) => number) => {
    const [one = 0, several = 0] = [true, false].map((isOne) => median(of(isOne).map(capacity)));
    return `one process ${one.toFixed(2)} Gbit/s, several ${several.toFixed(2)}: ${(several / one).toFixed(2)} times`;
  };
  const seconds = (value: number) => value.toFixed(2);
  return [
    grid([
      ['workers', 'GB', 'first s', 'each worker s', 's/GB', 'Gbit/s', 'even Gbit/s', 'failed'],
      ...figures.map((one) => [
        String(one.workers),
        one.gigabytes.toFixed(2),
        seconds(one.firstSeconds),
        one.servingSeconds.map(seconds).join(' '),
        seconds(
          (one.firstSeconds + one.servingSeconds.reduce((sum, value) => sum + value, 0)) / one.gigabytes,
        ),
        capacityGbit(one).toFixed(2),
        evenCapacityGbit(one).toFixed(2),
        String(failureCount(one.failures)),
      ]),
    ]),
    `medians, as it was:          ${medians(capacityGbit)}`,
    `medians, if even:            ${medians(evenCapacityGbit)}`,
  ].join('\n');
}

async function measureOnce(
  setup: TributarySetup,
  workers: number,
  onBed: (bed: { close(): Promise<void> }) => void,
): Promise<WorkersFigures> {
  const bed = await createBed({ uplinks: [], congestionControl: 'cubic' });
  onBed(bed);
  try {
    const where = bed.client;
    const log = { level: 'warn', format: 'json' };
    const uplinks = [2, 3].map((host) => ({ name: `lo-${host}`, address: `127.0.0.${host}` }));
    const configured = await setup.configured(
      { uplinks, log },
      { 'limits.sessions': SESSIONS + 1, 'limits.memoryTotal': '1GiB', workers, log },
    );
    await writeClients(join(dirname(configured.concentrator), 'clients.yaml'), SESSIONS);
    const concentrator = await startConcentrator(where, configured);
    const args = [MANY_CLIENTS, configured.client, String(SESSIONS), String(FIRST_PORT)];
    const clients = where.spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    await untilSessions(where, SESSIONS);
    const load = await CrowdLoad.start(where, CROWD);
    const pids = [concentrator.pid!, ...(await childrenOf(concentrator.pid!))];
    const before = await Promise.all(pids.map(secondsOf));
    const talks: Talk[] = Array.from({ length: SESSIONS }, (_, index) => ({
      ...SILENT_TALK,
      key: index + 1,
      upBytes: 100,
      downBytes: BYTES_PER_SESSION,
    }));
    const { host } = LOOPBACK_PLACE.socks;
    await load.begin(talks, 100, (index) => ({ host, port: FIRST_PORT + index }));
    const ends = await load.ends(talks, FINISH_MS);
    const after = await Promise.all(pids.map(secondsOf));
    const [first = 0, ...others] = after.map((seconds, i) => seconds - before[i]!);
    await endProgram(clients);
    await endProgram(concentrator);
    return {
      workers,
      gigabytes: (SESSIONS * BYTES_PER_SESSION) / 1e9,
      firstSeconds: others.length === 0 ? 0 : first,
      servingSeconds: others.length === 0 ? [first] : others,
      failures: failures(talks, ends),
    };
  } finally {
    await bed.close();
  }
}

const secondsOf = async (pid: number) => (await usageOf([pid])).cpuSeconds;

async function childrenOf(pid: number): Promise<readonly number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.trim().split(/\s+/).filter(Boolean).map(Number);
}
