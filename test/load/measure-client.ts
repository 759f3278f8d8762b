import { createBed } from '../bed/bed.ts';
import { LOOPBACK_PLACE } from '../bench/loopback/contenders.ts';
import { usageOf } from '../bench/usage.ts';
import { SILENT_TALK, type Talk } from '../lab/agent/talk.ts';
import { grid } from '../lab/grid.ts';
import { median } from '../lab/statistics.ts';
import { startPair } from '../lab/tributary-pair.ts';
import type { TributarySetup } from '../lab/tributary-setup.ts';
import { CrowdLoad, failureCount, failures, LOOPBACK_ORIGIN } from './crowd-load.ts';
import { ProcessorShares } from './processor-shares.ts';

/** What a client carried, and what of its processor time that took, in the kernel too. */
export interface ClientFigures {
  readonly direction: 'down' | 'up';
  readonly uplinks: number;
  readonly gigabytes: number;
  readonly elapsedSeconds: number;
  readonly cpuSeconds: number;
  readonly failures: Readonly<Record<string, number>>;
}

const RUNS = 3;
const UPLINK_COUNTS = [1, 2];
const CONNECTIONS = 4;
const BYTES_PER_CONNECTION = 150e6;
/** A just-in-time compiler needs some seconds to reach full speed. */
const WARM_UP_BYTES_PER_CONNECTION = 100e6;
const FINISH_MS = 90_000;
const BEGIN_PER_SECOND = 100;
/** Of a core: the client is at its limit then, and the concentrator and load generators have the rest of the machine. */
const PROCESSOR_SHARE = 0.2;

/** Downloads and uploads through a client that is held to a small share of a core, so that nothing else holds it up. */
export async function measureClient(
  setup: TributarySetup,
  onBed: (bed: { close(): Promise<void> }) => void,
): Promise<readonly ClientFigures[]> {
  const figures: ClientFigures[] = [];
  for (let run = 0; run < RUNS; run++) {
    for (const count of UPLINK_COUNTS) figures.push(...(await measureOnce(setup, count, onBed)));
  }
  return figures;
}

/** Gigabits that the client carries in a second of its processor time. */
export function clientGbit({ gigabytes, cpuSeconds }: ClientFigures): number {
  return (gigabytes * 8) / cpuSeconds;
}

/** The table: medians of each kind. */
export function clientText(figures: readonly ClientFigures[]): string {
  const kinds = [...new Set(figures.map(({ direction, uplinks }) => `${direction} ${uplinks}`))];
  const rows = kinds.map((kind) => {
    const runs = figures.filter(({ direction, uplinks }) => `${direction} ${uplinks}` === kind);
    const of = (value: (run: ClientFigures) => number) => median(runs.map(value));
    return [
      kind.startsWith('down') ? 'download' : 'upload',
      String(runs[0]!.uplinks),
      of(({ cpuSeconds, gigabytes }) => cpuSeconds / gigabytes).toFixed(2),
      of(clientGbit).toFixed(2),
      of(({ cpuSeconds, elapsedSeconds }) => cpuSeconds / elapsedSeconds).toFixed(2),
      String(runs.reduce((sum, run) => sum + failureCount(run.failures), 0)),
    ];
  });
  return [
    `the client held to ${PROCESSOR_SHARE} of a core, ${CONNECTIONS} connections at a time, medians of ${RUNS}`,
    grid([['', 'subflows', 's/GB', 'Gbit/s a core', 'of a core it had', 'failed'], ...rows]),
  ].join('\n');
}

async function measureOnce(
  setup: TributarySetup,
  count: number,
  onBed: (bed: { close(): Promise<void> }) => void,
): Promise<readonly ClientFigures[]> {
  const bed = await createBed({ uplinks: [], congestionControl: 'cubic' });
  const shares = new ProcessorShares();
  try {
    onBed(bed);
    const where = bed.client;
    const uplinks = Array.from({ length: count }, (_, i) => ({
      name: `lo-${i}`,
      address: `127.0.0.${2 + i}`,
    }));
    const pair = await startPair(
      { client: where, concentrator: where },
      await setup.configured({ uplinks }),
      uplinks,
    );
    const client = pair.processes.flatMap(({ role, pid }) => (role === 'client' ? [pid] : []));
    const load = await CrowdLoad.start(where, LOOPBACK_ORIGIN);
    let nextKey = 1;
    const carry = async (direction: ClientFigures['direction'], bytes: number): Promise<ClientFigures> => {
      const talks = Array.from({ length: CONNECTIONS }, () => talk(nextKey++, direction, bytes));
      const before = await usageOf(client);
      const beganMs = performance.now();
      await load.begin(talks, BEGIN_PER_SECOND, () => LOOPBACK_PLACE.socks);
      const ends = await load.ends(talks, FINISH_MS);
      return {
        direction,
        uplinks: count,
        gigabytes: (CONNECTIONS * bytes) / 1e9,
        elapsedSeconds: (performance.now() - beganMs) / 1_000,
        cpuSeconds: (await usageOf(client)).cpuSeconds - before.cpuSeconds,
        failures: failures(talks, ends),
      };
    };
    for (const direction of ['down', 'up'] as const) await carry(direction, WARM_UP_BYTES_PER_CONNECTION);
    for (const pid of client) await shares.limit(pid, PROCESSOR_SHARE);
    const figures = [await carry('down', BYTES_PER_CONNECTION), await carry('up', BYTES_PER_CONNECTION)];
    await pair.stop();
    return figures;
  } finally {
    await bed.close();
    await shares.remove();
  }
}

/** The origin answers an upload when it has all of it. */
function talk(key: number, direction: ClientFigures['direction'], bytes: number): Talk {
  return direction === 'down'
    ? { ...SILENT_TALK, key, upBytes: 100, downBytes: bytes }
    : { ...SILENT_TALK, key, order: 'up-first', upBytes: bytes, downBytes: 100 };
}
