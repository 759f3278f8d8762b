import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import { TributaryError } from '../../shared/protocol/errors.ts';
import { Backoff } from '../../shared/runtime/async/backoff.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import { heapOption } from '../../shared/runtime/process/heap-limit.ts';
import type { ReadyConnection } from '../../shared/runtime/subflow/handshake-gate.ts';
import type { ClientEntry, ConcentratorConfig, ListenAddress } from '../config/concentrator-config.ts';
import { type PrimaryCalls, packClients, type WorkerCalls } from '../worker/calls.ts';
import type { Handlers } from '../worker/channel.ts';
import { SECRET_BYTES } from '../worker/relay-preface.ts';
import type { ClientsOfAll } from './clients-of-all.ts';
import {
  eachLine,
  FIRST_GIVEN_DESCRIPTOR,
  type ForkWorker,
  forkWorker,
  type ProgramFile,
} from './fork-worker.ts';
import type { Placement } from './placement.ts';
import { LOST_STEPS, SilenceWatch, STEP_MS } from './silence-watch.ts';
import type { GivenSocket } from './udp-groups.ts';
import { machineName, workerConfig } from './worker-config.ts';
import { WorkerProcess } from './worker-process.ts';

export interface WorkerPoolOptions {
  readonly count: number;
  readonly program: ProgramFile;
  /** Of this process: workers must be of the same. */
  readonly version: string;
  readonly placement: Placement;
  readonly clock: MonotonicClock;
  readonly random: () => number;
  readonly logger: Logger;
  readonly writeLogLine: (line: string) => void;
  /** Whether a person reads the log along. */
  readonly isPretty: boolean;
  readonly clients: Pick<ClientsOfAll, 'add' | 'usedBytes'>;
  /** `forkWorker` where absent. */
  readonly fork?: ForkWorker;
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
  /** It is told of a list of clients; whether there is another one by now. */
  telling?: { isAnother: boolean } | undefined;
  /** The process that is asked how busy it is, and has not answered. */
  asked?: WorkerProcess | undefined;
}

/** Until a worker that has ended is replaced: at once, and then less and less often. */
const BACKOFF = { minMs: 100, maxMs: 30_000 };
/** A worker that has served for so long was no failed start. */
const LASTING_MS = 10_000;
/** Loading the program on a busy machine, names of its own addresses included. */
const START_MS = 60_000;
const RELOAD_MS = 30_000;
/** For what ends by itself: the longest that a timer takes. */
const NO_LIMIT_MS = 2 ** 31 - 1;
/** For what is looked at. Whoever looks waits for five seconds or so. */
const LOOK_MS = 2_000;
/** Until a worker has taken over a list of clients. */
const TAKE_CLIENTS_MS = 30_000;
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
  #packed: { readonly clients: readonly ClientEntry[]; readonly bytes: Uint8Array } | undefined;
  readonly #silence = new SilenceWatch();
  #watching: NodeJS.Timeout | undefined;
  #isClosing = false;

  constructor(config: ConcentratorConfig, options: WorkerPoolOptions) {
    this.#config = { ...config, joinName: machineName(config) };
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
    this.#watching = setInterval(() => this.#watch(), STEP_MS);
    const started = await Promise.all(this.#slots.map((_, index) => this.#launch(index)));
    // Together: the first one that is there would get all clients that wait, and keep them.
    for (const [index, process] of started.entries()) this.#onStarted(index, process);
  }

  /** Gives a connection to a worker. @returns false where that takes none */
  give(index: number, ready: ReadyConnection): boolean {
    return this.#slots[index]?.process?.give(ready) ?? false;
  }

  /** Asks all; those that do not answer soon are left out, and those that have answered nothing for long are not asked. */
  async ask<Name extends keyof WorkerCalls>(
    name: Name,
    value: WorkerCalls[Name]['value'],
  ): Promise<readonly { readonly index: number; readonly answer: WorkerCalls[Name]['answer'] }[]> {
    const answers = await Promise.all(
      this.#slots.map(async ({ process }, index) => {
        if (this.#options.placement.workers[index]!.isSilent) return [];
        const answer = await process?.channel.ask(name, value, LOOK_MS).catch(() => undefined);
        return answer === undefined ? [] : [{ index, answer }];
      }),
    );
    return answers.flat();
  }

  /** What all workers go by, and those that take the places of others. */
  get config(): ConcentratorConfig {
    return this.#config;
  }

  /** All go by another configuration, as do those that take their places; rejects with why one does not. @param next what holds, as `takenOver` tells */
  async reload(next: ConcentratorConfig): Promise<void> {
    const { count } = this.#options;
    // Clients join the sessions that are there by the name of before, whatever the configuration calls the machine now.
    const own = { ...next, joinName: machineName(this.#config) };
    this.#config = own;
    await Promise.all(
      this.#slots.map(async ({ process }, index) => {
        try {
          await process?.channel.ask('reload', workerConfig(own, index, count), RELOAD_MS);
        } catch (error) {
          // The next one in its place begins with this configuration.
          if (process?.hasEnded !== true) throw error;
        }
      }),
    );
  }

  /** All have another list of clients, soon. */
  setClients(clients: readonly ClientEntry[]): void {
    this.#config = { ...this.#config, clients };
    this.#tellingClients ??= setTimeout(() => {
      this.#tellingClients = undefined;
      for (const slot of this.#slots) void this.#tellClients(slot);
    }, TELL_CLIENTS_AFTER_MS);
  }

  /** All end in order. Resolves when they have nothing left to do. */
  async drain(): Promise<void> {
    this.#isClosing = true;
    for (const { timer } of this.#slots) clearTimeout(timer);
    await Promise.all(
      this.#slots.map(({ process }) => process?.channel.ask('close', undefined, NO_LIMIT_MS).catch(() => {})),
    );
  }

  /** All end at once. */
  async stop(): Promise<void> {
    this.#isClosing = true;
    clearTimeout(this.#tellingClients);
    clearInterval(this.#watching);
    for (const { timer } of this.#slots) clearTimeout(timer);
    await Promise.all(this.#slots.map(({ process }) => process?.stop()));
  }

  /** One list at a time: for a worker that is slow to take them they would add up. */
  async #tellClients(slot: Slot): Promise<void> {
    if (slot.telling !== undefined) {
      slot.telling.isAnother = true;
      return;
    }
    const telling = { isAnother: true };
    slot.telling = telling;
    while (telling.isAnother && slot.process !== undefined) {
      telling.isAnother = false;
      await slot.process.channel.ask('clients', this.#packedClients(), TAKE_CLIENTS_MS).catch(() => {});
    }
    slot.telling = undefined;
  }

  /** Once for all workers: to pack ten thousand takes some 20 ms. */
  #packedClients(): Uint8Array {
    const { clients } = this.#config;
    if (this.#packed?.clients !== clients) this.#packed = { clients, bytes: packClients(clients) };
    return this.#packed.bytes;
  }

  async #launch(index: number): Promise<WorkerProcess> {
    const { program, version, count, writeLogLine, isPretty, fork = forkWorker } = this.#options;
    const config = workerConfig(this.#config, index, count);
    const { level } = config.log;
    const given = this.#serving.udp[index] ?? [];
    const child = fork(
      program,
      { number: index + 1, level, format: isPretty ? 'pretty' : 'json' },
      heapOption(config.limits.memoryTotalBytes),
      given.map(({ descriptor }) => descriptor),
    );
    const slot = this.#slots[index]!;
    const process = new WorkerProcess(child, this.#handlers(index));
    slot.process = process;
    // There is none where the system had no descriptors for it.
    if (child.stdout) eachLine(child.stdout, writeLogLine);
    void process.ended.then((how) => this.#onEnded(index, process, how));
    const start = {
      ...{ version, index, count, config, listen: this.#serving.listen },
      ...{ relays: this.#relays, secret: this.#secret },
      udp: given.map(({ host }, i) => ({ host, descriptor: FIRST_GIVEN_DESCRIPTOR + i })),
    };
    await process.channel.ask('start', start, START_MS).catch((error: Error) => {
      throw new WorkerStartError(index, error);
    });
    return process;
  }

  /** It takes connections, unless it has ended meanwhile. */
  #onStarted(index: number, process: WorkerProcess): void {
    const { placement, clock } = this.#options;
    const slot = this.#slots[index]!;
    if (slot.process !== process) return;
    if (this.#isClosing) {
      // It was told to close before it could: it had not started.
      void process.channel.ask('close', undefined, NO_LIMIT_MS).catch(() => {});
      return;
    }
    slot.upMs = clock();
    placement.onUp(index);
    this.#silence.begin(index);
  }

  #watch(): void {
    const { placement, logger } = this.#options;
    for (const index of this.#slots.keys()) void this.#askLoad(index);
    for (const { worker, silence, seconds } of this.#silence.step()) {
      const process = this.#slots[worker]!.process;
      const silent = { worker: worker + 1, pid: process?.pid, seconds };
      if (silence === 'silent') {
        placement.onSilent(worker);
        logger.warn(silent, 'a worker does not answer: new connections go to the others');
      } else {
        logger.error(silent, 'a worker does not answer: it is ended, so that another takes its place');
        process?.kill();
      }
    }
  }

  /** One question at a time, so that they do not add up; also a late answer shows that it does something. */
  async #askLoad(index: number): Promise<void> {
    const slot = this.#slots[index]!;
    const { process } = slot;
    if (process === undefined || slot.asked === process) return;
    slot.asked = process;
    const load = await process.channel.ask('load', undefined, LOST_STEPS * STEP_MS).catch(() => undefined);
    if (slot.asked === process) slot.asked = undefined;
    if (load === undefined || slot.process !== process) return;
    this.#silence.onHeard(index);
    this.#options.placement.onLoad(index, load);
  }

  #handlers(index: number): Handlers<PrimaryCalls> {
    const { placement, clients, onProven } = this.#options;
    return {
      home: (clientId) => ({
        ...placement.homeOf(clientId, index),
        usedBytes: clients.usedBytes(clientId),
      }),
      isSilent: (worker) => placement.workers[worker]?.isSilent ?? false,
      usage: (counts) => clients.add(counts),
      sessions: ({ clientId, change }) => placement.onSessions(index, clientId, change),
      proven: ({ clientId, host }) => onProven(clientId, host),
    };
  }

  #onEnded(index: number, process: WorkerProcess, how: string): void {
    const { placement, clock, logger } = this.#options;
    const slot = this.#slots[index]!;
    if (slot.process !== process) return;
    const { sessions, isUp } = placement.workers[index]!;
    slot.process = undefined;
    placement.onDown(index);
    this.#silence.end(index);
    if (this.#isClosing) return;
    if (isUp && clock() - slot.upMs >= LASTING_MS) slot.backoff.succeed();
    slot.restarts++;
    const waitMs = this.#replaceLater(index);
    const lost = { worker: index + 1, pid: process.pid, how, sessions, waitMs };
    logger.error(lost, 'a worker has ended, and its sessions with it: another takes its place');
  }

  #replaceLater(index: number): number {
    const slot = this.#slots[index]!;
    const waitMs = Math.round(slot.backoff.nextMs());
    clearTimeout(slot.timer);
    slot.timer = setTimeout(() => void this.#replace(index), waitMs);
    return waitMs;
  }

  async #replace(index: number): Promise<void> {
    const { logger } = this.#options;
    const slot = this.#slots[index]!;
    try {
      this.#onStarted(index, await this.#launch(index));
      logger.info({ worker: index + 1 }, 'a worker has taken the place of the one that ended');
    } catch (error) {
      logger.error({ worker: index + 1, reason: (error as Error).message }, 'a worker cannot start');
      // Its end leads to the next try; where there is no process, nothing else does.
      if (slot.process !== undefined) await slot.process.stop();
      else if (!this.#isClosing) this.#replaceLater(index);
    }
  }
}
