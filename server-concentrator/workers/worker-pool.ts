import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import { TributaryError } from '../../shared/protocol/errors.ts';
import { Backoff } from '../../shared/runtime/async/backoff.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import { heapOption } from '../../shared/runtime/process/heap-limit.ts';
import type { ReadyConnection } from '../../shared/runtime/subflow/handshake-gate.ts';
import type { ClientEntry, ConcentratorConfig, ListenAddress } from '../config/concentrator-config.ts';
import type { PrimaryCalls, WorkerCalls } from '../worker/calls.ts';
import type { Handlers } from '../worker/channel.ts';
import { SECRET_BYTES } from '../worker/relay-preface.ts';
import type { ClientsOfAll } from './clients-of-all.ts';
import { eachLine, FIRST_GIVEN_DESCRIPTOR, forkWorker, type ProgramFile } from './fork-worker.ts';
import type { Placement } from './placement.ts';
import type { GivenSocket } from './udp-groups.ts';
import { workerConfig } from './worker-config.ts';
import { WorkerProcess } from './worker-process.ts';

export interface WorkerPoolOptions {
  readonly count: number;
  readonly program: ProgramFile;
  readonly placement: Placement;
  readonly clock: MonotonicClock;
  readonly random: () => number;
  readonly logger: Logger;
  readonly writeLogLine: (line: string) => void;
  /** Whether a person reads the log along. */
  readonly isPretty: boolean;
  readonly clients: Pick<ClientsOfAll, 'add' | 'get' | 'usedBytes'>;
  /** A client has proven its key from a host. */
  onProven(clientId: string, host: string): void;
}

/** What workers serve. */
export interface Serving {
  readonly listen: readonly ListenAddress[];
  /** UDP sockets for each worker, by its index. */
  readonly udp: readonly (readonly GivenSocket[])[];
}

/** A worker cannot start. */
class WorkerStartError extends TributaryError {
  constructor(index: number, cause: Error) {
    super('internalError', `worker ${index + 1} cannot start: ${cause.message}`, 'ours', { cause });
  }
}

interface Slot {
  process: WorkerProcess | undefined;
  readonly backoff: Backoff;
  upMs: number;
  restarts: number;
  timer?: NodeJS.Timeout;
}

/** Until a worker that has ended is replaced: at once, and then less and less often. */
const BACKOFF = { minMs: 100, maxMs: 30_000 };
/** A worker that has served for so long was no failed start. */
const LASTING_MS = 10_000;
/** Loading the program on a busy machine, names of its own addresses included. */
const START_MS = 60_000;
const RELOAD_MS = 30_000;
/** Changes of the list of clients in a row are told once. */
const TELL_CLIENTS_AFTER_MS = 50;

/** The workers of a concentrator: starts them, replaces those that end, and tells and asks all of them. */
export class WorkerPool {
  readonly #options: WorkerPoolOptions;
  readonly #slots: readonly Slot[];
  readonly #relays: readonly string[];
  readonly #secret = randomBytes(SECRET_BYTES).toString('base64');
  #config: ConcentratorConfig;
  #serving: Serving = { listen: [], udp: [] };
  #tellingClients: NodeJS.Timeout | undefined;
  /** Clients of which the workers are told next; undefined: of all. */
  #untold: Set<string> | undefined = new Set();
  #isClosing = false;

  constructor(config: ConcentratorConfig, options: WorkerPoolOptions) {
    this.#config = config;
    this.#options = options;
    const { count, random } = options;
    const name = randomBytes(8).toString('hex');
    this.#slots = Array.from({ length: count }, () => ({
      process: undefined,
      backoff: new Backoff(BACKOFF, random),
      upMs: 0,
      restarts: 0,
    }));
    // Abstract sockets (unix(7)): they need no folder, and go with the process.
    this.#relays = this.#slots.map((_, i) => `\0tributary-${name}-${i}`);
  }

  /** What is known of each worker. */
  get workers(): readonly { readonly pid: number | undefined; readonly restarts: number }[] {
    return this.#slots.map(({ process, restarts }) => ({ pid: process?.pid, restarts }));
  }

  /** Starts all; rejects with why one cannot. */
  async start(serving: Serving): Promise<void> {
    this.#serving = serving;
    await Promise.all(this.#slots.map((_, index) => this.#launch(index)));
  }

  /** Gives a connection to a worker; where that takes none, the connection is reset. */
  give(index: number, ready: ReadyConnection): void {
    if (!this.#slots[index]?.process?.give(ready)) ready.socket.resetAndDestroy();
  }

  /** Asks all; those that do not answer are left out. */
  async ask<Name extends keyof WorkerCalls>(
    name: Name,
    value: WorkerCalls[Name]['value'],
  ): Promise<readonly { readonly index: number; readonly answer: WorkerCalls[Name]['answer'] }[]> {
    const answers = await Promise.all(
      this.#slots.map(async ({ process }, index) => {
        const answer = await process?.channel.ask(name, value).catch(() => undefined);
        return answer === undefined ? [] : [{ index, answer }];
      }),
    );
    return answers.flat();
  }

  /** All take over a new configuration; rejects with why one does not. */
  async reload(config: ConcentratorConfig): Promise<void> {
    this.#config = config;
    await Promise.all(
      this.#slots.map(async ({ process }, index) =>
        process?.channel.ask('reload', this.#configOf(index), RELOAD_MS),
      ),
    );
  }

  /** All have another list of clients, soon. @param changed see `OnClients` */
  setClients(clients: readonly ClientEntry[], changed?: ReadonlySet<string>): void {
    this.#config = { ...this.#config, clients };
    if (changed === undefined) this.#untold = undefined;
    else for (const id of changed) this.#untold?.add(id);
    this.#tellingClients ??= setTimeout(() => this.#tellClients(), TELL_CLIENTS_AFTER_MS);
  }

  /** Not all of a long list for each change: it takes its time here and there. */
  #tellClients(): void {
    const changed = this.#untold;
    this.#tellingClients = undefined;
    this.#untold = new Set();
    const { clients } = this.#options;
    const change =
      changed === undefined
        ? { all: this.#config.clients }
        : {
            put: [...changed].flatMap((id) => clients.get(id) ?? []),
            removed: [...changed].filter((id) => clients.get(id) === undefined),
          };
    for (const { process } of this.#slots) process?.channel.tell('clients', change);
  }

  /** All end in order. Resolves when they have nothing left to do. */
  async drain(): Promise<void> {
    this.#isClosing = true;
    for (const { timer } of this.#slots) clearTimeout(timer);
    const limitMs = 2 ** 31 - 1;
    await Promise.all(
      this.#slots.map(({ process }) => process?.channel.ask('close', undefined, limitMs).catch(() => {})),
    );
  }

  /** All end at once. */
  async stop(): Promise<void> {
    this.#isClosing = true;
    clearTimeout(this.#tellingClients);
    for (const { timer } of this.#slots) clearTimeout(timer);
    await Promise.all(this.#slots.map(({ process }) => process?.stop()));
  }

  #configOf(index: number): ConcentratorConfig {
    return workerConfig(this.#config, index, this.#options.count);
  }

  async #launch(index: number): Promise<void> {
    const { program, placement, clock, count, writeLogLine, isPretty } = this.#options;
    const config = this.#configOf(index);
    const { level } = config.log;
    const given = this.#serving.udp[index] ?? [];
    const child = forkWorker(
      program,
      { number: index + 1, level, format: isPretty ? 'pretty' : 'json' },
      heapOption(config.limits.memoryTotalBytes),
      given.map(({ descriptor }) => descriptor),
    );
    eachLine(child.stdout!, writeLogLine);
    const slot = this.#slots[index]!;
    const process = new WorkerProcess(child, this.#handlers(index));
    slot.process = process;
    void process.ended.then((how) => this.#onEnded(index, process, how));
    const start = {
      ...{ index, count, config, listen: this.#serving.listen, relays: this.#relays, secret: this.#secret },
      udp: given.map(({ host }, i) => ({ host, descriptor: FIRST_GIVEN_DESCRIPTOR + i })),
    };
    await process.channel.ask('start', start, START_MS).catch((error: Error) => {
      throw new WorkerStartError(index, error);
    });
    slot.upMs = clock();
    placement.onUp(index);
  }

  #handlers(index: number): Handlers<PrimaryCalls> {
    const { placement, clients, onProven } = this.#options;
    return {
      home: (clientId) => ({
        ...placement.homeOf(clientId, index),
        usedBytes: clients.usedBytes(clientId),
      }),
      usage: (counts) => clients.add(counts),
      sessions: ({ clientId, change }) => placement.onSessions(index, clientId, change),
      proven: ({ clientId, host }) => onProven(clientId, host),
      load: (load) => placement.onLoad(index, load),
    };
  }

  #onEnded(index: number, process: WorkerProcess, how: string): void {
    const { placement, clock, logger } = this.#options;
    const slot = this.#slots[index]!;
    if (slot.process !== process) return;
    const { sessions, isUp } = placement.workers[index]!;
    slot.process = undefined;
    placement.onDown(index);
    if (this.#isClosing) return;
    if (isUp && clock() - slot.upMs >= LASTING_MS) slot.backoff.succeed();
    const waitMs = Math.round(slot.backoff.nextMs());
    slot.restarts++;
    const lost = { worker: index + 1, pid: process.pid, how, sessions, waitMs };
    logger.error(lost, 'a worker has ended, and its sessions with it: another takes its place');
    slot.timer = setTimeout(() => this.#replace(index), waitMs);
  }

  #replace(index: number): void {
    const { logger } = this.#options;
    this.#launch(index).then(
      () => logger.info({ worker: index + 1 }, 'a worker has taken the place of the one that ended'),
      (error: Error) => {
        logger.error({ worker: index + 1, reason: error.message }, 'a worker cannot start');
        void this.#slots[index]?.process?.stop();
      },
    );
  }
}
