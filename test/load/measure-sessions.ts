import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse, stringify } from 'yaml';
import { formatClientKey, generateClientKey } from '../../shared/runtime/identity/client-key.ts';
import { descriptorLimit } from '../../shared/runtime/kernel/descriptors.ts';
import { createBed } from '../bed/bed.ts';
import type { Namespace } from '../bed/namespace.ts';
import { LOOPBACK_PLACE } from '../bench/loopback/contenders.ts';
import { usageOf } from '../bench/usage.ts';
import { SILENT_TALK, type Talk } from '../lab/agent/talk.ts';
import { connectionCount, endProgram } from '../lab/programs.ts';
import { readMetrics } from '../lab/read-metrics.ts';
import { percentile } from '../lab/statistics.ts';
import { startConcentrator } from '../lab/tributary-pair.ts';
import { metricsUrl, type TributarySetup } from '../lab/tributary-setup.ts';
import { clientName } from './client-name.ts';
import { CrowdLoad, failures, LOOPBACK_ORIGIN } from './crowd-load.ts';
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

/** Compiled beside this module. */
export const MANY_CLIENTS = join(dirname(import.meta.filename), 'many-clients.js');
/** The clients share a core. */
const UP_LIMIT_MS_PER_SESSION = 200;
const LEAST_UP_LIMIT_MS = 60_000;
const LOOK_EVERY_MS = 200;
/** What one process has open for each session: a listener, two subflows, and a connection or two for a while. */
const DESCRIPTORS_PER_SESSION = 6;
const OTHER_DESCRIPTORS = 200;
const SUBFLOWS_PER_SESSION = 2;
const SETTLE_MS = 4_000;
export const FIRST_PORT = 20_000;
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
  onBed(bed);
  try {
    const where = bed.client;
    const log = { level: 'warn', format: 'json' };
    const uplinks = [2, 3].map((host) => ({ name: `lo-${host}`, address: `127.0.0.${host}` }));
    const configured = await setup.configured({ uplinks, log }, { 'limits.sessions': sessions + 1, log });
    await writeClients(join(dirname(configured.concentrator), 'clients.yaml'), sessions, clients);
    const spawnedMs = performance.now();
    const concentrator = await startConcentrator(where, configured);
    const startMs = performance.now() - spawnedMs;
    const ours = [concentrator.pid!];
    const cpuSeconds = async (pids: readonly number[]) => (await usageOf(pids)).cpuSeconds;
    const startCpuMs = (await cpuSeconds(ours)) * 1_000;
    await sleep(SETTLE_MS);
    const startBytes = await residentBytes(ours);
    const beganMs = performance.now();
    const beganCpu = await cpuSeconds(ours);
    const args = [MANY_CLIENTS, configured.client, String(sessions), String(FIRST_PORT)];
    const program = where.spawn(process.execPath, args, {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    await untilSessions(where, ours[0]!, sessions);
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
    const fetched = await fetchAll(where, sessions);
    await endProgram(program);
    await endProgram(concentrator);
    return {
      sessions,
      clients: Math.max(clients, sessions + 1),
      ...{ startMs, startCpuMs, startBytes, upMs, idleBytes, idleCpuShare, clientsIdleCpuShare },
      bytesPerSession: (idleBytes - startBytes) / sessions,
      // Without what the sessions take that are idle already: half of them, in the mean.
      subflowCpuMs: (upCpu * 1_000 - (idleCpuShare * upMs) / 2) / (sessions * SUBFLOWS_PER_SESSION),
      ...fetched,
    };
  } finally {
    await bed.close();
  }
}

/** Many clients with the key of the one that there is, and others up to `most`. */
export async function writeClients(file: string, count: number, most = 0): Promise<void> {
  const [one] = parse(await readFile(file, 'utf8')) as object[];
  const all = Array.from({ length: count }, (_, index) => ({ ...one, id: clientName(index) }));
  const others = Array.from({ length: Math.max(0, most - count - 1) }, (_, index) => ({
    id: `other-${index}`,
    label: `Van number ${index}`,
    key: formatClientKey(generateClientKey()),
    rateLimit: '20Mbit/s',
    quota: '100GB',
    atQuota: '1Mbit/s',
    created: '2026-01-31T12:00:00Z',
  }));
  await writeFile(file, stringify([one, ...all, ...others]));
}

function checkDescriptors(sessions: number): void {
  const limit = descriptorLimit() ?? Number.POSITIVE_INFINITY;
  const needed = OTHER_DESCRIPTORS + DESCRIPTORS_PER_SESSION * sessions;
  if (limit < needed)
    throw new Error(
      `${sessions} sessions need ${needed} open files in a process, and ${limit} are allowed: raise that with ulimit -n`,
    );
}

/** Resolves when the concentrator of this process id has so many sessions, each with all of its subflows. */
export async function untilSessions(where: Namespace, pid: number, sessions: number): Promise<void> {
  const allowedMs = Math.max(LEAST_UP_LIMIT_MS, sessions * UP_LIMIT_MS_PER_SESSION);
  const limitMs = performance.now() + allowedMs;
  for (;;) {
    const connections = await connectionCount(pid, LOOPBACK_PLACE.concentrator.port);
    let count = Math.floor(connections / SUBFLOWS_PER_SESSION);
    // Its metrics cost it as much as several sessions, so they are not read before it is time.
    if (count >= sessions) {
      // A concentrator that is busy answers next time.
      const metrics = await readMetrics(where, metricsUrl('server-concentrator')).catch(() => undefined);
      count = metrics?.get('tributary_sessions') ?? 0;
    }
    if (count >= sessions) return;
    if (performance.now() > limitMs) throw new Error(`${count} of ${sessions} sessions in ${allowedMs} ms`);
    await sleep(LOOK_EVERY_MS);
  }
}

async function fetchAll(where: Namespace, sessions: number) {
  const load = await CrowdLoad.start(where, LOOPBACK_ORIGIN);
  const fetches = Math.max(sessions, Math.min(MAX_FETCHES, sessions * FETCHES_PER_SESSION));
  const talks: Talk[] = Array.from({ length: fetches }, (_, index) => ({
    ...SILENT_TALK,
    key: index + 1,
    upBytes: 100,
    downBytes: FETCH_BYTES,
  }));
  const { host } = LOOPBACK_PLACE.socks;
  await load.begin(talks, FETCHES_PER_SECOND, (index) => ({ host, port: FIRST_PORT + (index % sessions) }));
  const ends = await load.ends(talks, FINISH_MS);
  const times = ends.map(({ startedAtMs, endedAtMs }) => endedAtMs - startedAtMs);
  return {
    fetchP50Ms: percentile(times, 0.5),
    fetchP99Ms: percentile(times, 0.99),
    failures: failures(talks, ends),
    fetches: talks.length,
  };
}
