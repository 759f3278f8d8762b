import type { ChildProcess } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse, stringify } from 'yaml';
import { formatClientKey, generateClientKey } from '../../shared/runtime/identity/client-key.ts';
import type { Namespace } from '../bed/namespace.ts';
import { LOOPBACK_PLACE } from '../bench/loopback/contenders.ts';
import type { Endpoint } from '../lab/agent/job.ts';
import { connectionCount, endProgram } from '../lab/programs.ts';
import { readMetrics } from '../lab/read-metrics.ts';
import { startConcentrator } from '../lab/tributary-pair.ts';
import { type Changes, metricsUrl, type TributarySetup } from '../lab/tributary-setup.ts';
import { clientName } from './client-name.ts';

interface ManySessionsOptions {
  readonly sessions: number;
  /** In the list of the concentrator; at least those with a session. */
  readonly clients?: number;
  /** Of the concentrator's configuration, by key. */
  readonly settings?: Changes;
}

export const SUBFLOWS_PER_SESSION = 2;
/** Compiled beside this module. */
const MANY_CLIENTS = join(dirname(import.meta.filename), 'many-clients.js');
const FIRST_PORT = 20_000;
/** The clients share a core. */
const UP_LIMIT_MS_PER_SESSION = 200;
const LEAST_UP_LIMIT_MS = 60_000;
const LOOK_EVERY_MS = 200;

/** A concentrator, and clients alike with one session of two subflows each, which share a process; all on loopback. */
export class ManySessions {
  readonly concentrator: ChildProcess;
  /** From its start until it listened. */
  readonly startMs: number;
  readonly #where: Namespace;
  readonly #clientFile: string;
  readonly #sessions: number;
  #clients: ChildProcess | undefined;

  private constructor(
    concentrator: ChildProcess,
    startMs: number,
    where: Namespace,
    clientFile: string,
    sessions: number,
  ) {
    this.concentrator = concentrator;
    this.startMs = startMs;
    this.#where = where;
    this.#clientFile = clientFile;
    this.#sessions = sessions;
  }

  /** The concentrator; resolves when it listens. */
  static async start(
    setup: TributarySetup,
    where: Namespace,
    { sessions, clients = 0, settings = {} }: ManySessionsOptions,
  ): Promise<ManySessions> {
    const log = { level: 'warn', format: 'json' };
    const uplinks = Array.from({ length: SUBFLOWS_PER_SESSION }, (_, index) => ({
      name: `lo-${index + 2}`,
      address: `127.0.0.${index + 2}`,
    }));
    const all = { 'limits.sessions': sessions + 1, log, ...settings };
    const configured = await setup.configured({ uplinks, log }, all);
    await writeClients(join(dirname(configured.concentrator), 'clients.yaml'), sessions, clients);
    const beganMs = performance.now();
    const concentrator = await startConcentrator(where, configured);
    const startMs = performance.now() - beganMs;
    return new ManySessions(concentrator, startMs, where, configured.client, sessions);
  }

  /** Starts the clients; resolves when each has its session with all subflows. @returns their process */
  async startClients(): Promise<ChildProcess> {
    const args = [MANY_CLIENTS, this.#clientFile, String(this.#sessions), String(FIRST_PORT)];
    this.#clients = this.#where.spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    await this.#untilUp();
    return this.#clients;
  }

  /** The SOCKS5 port of a client; they take turns. */
  proxyOf(index: number): Endpoint {
    return { host: LOOPBACK_PLACE.socks.host, port: FIRST_PORT + (index % this.#sessions) };
  }

  async end(): Promise<void> {
    if (this.#clients !== undefined) await endProgram(this.#clients);
    await endProgram(this.concentrator);
  }

  async #untilUp(): Promise<void> {
    const sessions = this.#sessions;
    const allowedMs = Math.max(LEAST_UP_LIMIT_MS, sessions * UP_LIMIT_MS_PER_SESSION);
    const limitMs = performance.now() + allowedMs;
    for (;;) {
      const connections = await connectionCount(this.concentrator.pid!, LOOPBACK_PLACE.concentrator.port);
      let count = Math.floor(connections / SUBFLOWS_PER_SESSION);
      // Its metrics cost it as much as several sessions, so they are not read before it is time.
      if (count >= sessions) {
        // A concentrator that is busy answers next time.
        const url = metricsUrl('server-concentrator');
        const metrics = await readMetrics(this.#where, url).catch(() => undefined);
        count = metrics?.get('tributary_sessions') ?? 0;
      }
      if (count >= sessions) return;
      if (performance.now() > limitMs) throw new Error(`${count} of ${sessions} sessions in ${allowedMs} ms`);
      await sleep(LOOK_EVERY_MS);
    }
  }
}

/** Many clients with the key of the one that there is, and others up to `most`. */
async function writeClients(file: string, count: number, most: number): Promise<void> {
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
