import { setTimeout as sleep } from 'node:timers/promises';
import { descriptorLimit } from '../../shared/runtime/kernel/descriptors.ts';
import { createBed } from '../bed/bed.ts';
import type { Namespace } from '../bed/namespace.ts';
import { usageOf } from '../bench/usage.ts';
import { SILENT_TALK, type Talk } from '../lab/agent/talk.ts';
import { percentile } from '../lab/statistics.ts';
import type { TributarySetup } from '../lab/tributary-setup.ts';
import { CrowdLoad, failures, LOOPBACK_ORIGIN } from './crowd-load.ts';
import { ManySessions, SUBFLOWS_PER_SESSION } from './many-sessions.ts';
import { residentBytes } from './measure-streams.ts';
import type { LoadOptions } from './options.ts';

/** Figures of many sessions on one concentrator. */
export interface SessionFigures {
  sessions: number;
  /** In the list of the concentrator. */
  clients: number;
  /** From the start of the concentrator until it listens, and the processor time of that. */
  startMs: number;
  startCpuMs: number;
  /** Resident memory before any session. */
  startBytes: number;
  /** Resident memory with all sessions idle. */
  idleBytes: number;
  /** Processor time with all sessions idle, as a share of one core. */
  idleCpuShare: number;
  /** The same of the program with all the clients. */
  clientsIdleCpuShare: number;
  /** Of the concentrator for each subflow: accepting it, TLS, HELLO or JOIN. */
  subflowCpuMs: number;
  /** From the start of the clients, which share a process, to the last session. */
  upMs: number;
  /** Resident memory of the concentrator for each idle session of two subflows. */
  bytesPerSession: number;
  /** Small fetches over all of them at once: from connecting to the end. */
  fetchP50Ms: number;
  fetchP99Ms: number;
  /** By reason. */
  failures: Readonly<Record<string, number>>;
  fetches: number;
}

/** What one process has open for each session: a listener, two subflows, and a connection or two for a while. */
const DESCRIPTORS_PER_SESSION = 6;
const OTHER_DESCRIPTORS = 200;
const SETTLE_MS = 4_000;
const IDLE_MS = 20_000;
const FETCHES_PER_SESSION = 10;
const MAX_FETCHES = 4_000;
const FETCH_BYTES = 10_000;
/** What two cores carry with half of their time to spare: it is no race. */
const FETCHES_PER_SECOND = 100;
const FINISH_MS = 60_000;

/** Measures so many sessions. Rejects when they do not all come up, or when there cannot be as many open files. */
export async function measureSessions(
  setup: TributarySetup,
  { sessions, clients }: Pick<LoadOptions, 'sessions' | 'clients'>,
  onBed: (bed: { close(): Promise<void> }) => void,
): Promise<SessionFigures> {
  checkDescriptors(sessions);
  const bed = await createBed({ uplinks: [], congestionControl: 'cubic' });
  try {
    onBed(bed);
    const many = await ManySessions.start(setup, bed.client, { sessions, clients });
    const ours = [many.concentrator.pid!];
    const cpuSeconds = async (pids: readonly number[]) => (await usageOf(pids)).cpuSeconds;
    const startCpuMs = (await cpuSeconds(ours)) * 1_000;
    await sleep(SETTLE_MS);
    const startBytes = await residentBytes(ours);
    const beganMs = performance.now();
    const beganCpu = await cpuSeconds(ours);
    const program = await many.startClients();
    const upMs = performance.now() - beganMs;
    const upCpu = (await cpuSeconds(ours)) - beganCpu;
    await sleep(SETTLE_MS);
    const idleBytes = await residentBytes(ours);
    const idleFromMs = performance.now();
    const idleFrom = [await cpuSeconds(ours), await cpuSeconds([program.pid!])] as const;
    await sleep(IDLE_MS);
    const idleMs = performance.now() - idleFromMs;
    const idleCpuShare = (((await cpuSeconds(ours)) - idleFrom[0]) * 1_000) / idleMs;
    const clientsIdleCpuShare = (((await cpuSeconds([program.pid!])) - idleFrom[1]) * 1_000) / idleMs;
    const fetched = await fetchAll(bed.client, many, sessions);
    await many.end();
    return {
      sessions,
      clients: Math.max(clients, sessions + 1),
      startMs: many.startMs,
      ...{ startCpuMs, startBytes, upMs, idleBytes, idleCpuShare, clientsIdleCpuShare },
      bytesPerSession: (idleBytes - startBytes) / sessions,
      // Without what the sessions take that are idle already: half of them, in the mean.
      subflowCpuMs: (upCpu * 1_000 - (idleCpuShare * upMs) / 2) / (sessions * SUBFLOWS_PER_SESSION),
      ...fetched,
    };
  } finally {
    await bed.close();
  }
}

function checkDescriptors(sessions: number): void {
  const limit = descriptorLimit() ?? Number.POSITIVE_INFINITY;
  const needed = OTHER_DESCRIPTORS + DESCRIPTORS_PER_SESSION * sessions;
  if (limit < needed)
    throw new Error(
      `${sessions} sessions need ${needed} open files in a process, and ${limit} are allowed: raise that with ulimit -n`,
    );
}

async function fetchAll(where: Namespace, many: ManySessions, sessions: number) {
  const load = await CrowdLoad.start(where, LOOPBACK_ORIGIN);
  const fetches = Math.max(sessions, Math.min(MAX_FETCHES, sessions * FETCHES_PER_SESSION));
  const talks: Talk[] = Array.from({ length: fetches }, (_, index) => ({
    ...SILENT_TALK,
    key: index + 1,
    upBytes: 100,
    downBytes: FETCH_BYTES,
  }));
  await load.begin(talks, FETCHES_PER_SECOND, (index) => many.proxyOf(index));
  const ends = await load.ends(talks, FINISH_MS);
  const times = ends.map(({ startedAtMs, endedAtMs }) => endedAtMs - startedAtMs);
  return {
    fetchP50Ms: percentile(times, 0.5),
    fetchP99Ms: percentile(times, 0.99),
    failures: failures(talks, ends),
    fetches: talks.length,
  };
}
