import { LoopLoad } from '../shared/runtime/observe/loop-load.ts';
import type { RunningProgram } from '../shared/runtime/process/run-program.ts';
import { assembleProcess, type ConcentratorDeps } from './assemble.ts';
import type { Concentrator } from './concentrator.ts';
import type { Insight } from './insight.ts';
import { type PrimaryCalls, unpackClients, type WorkerCalls } from './worker/calls.ts';
import { Channel, type Handlers, type MessagePort } from './worker/channel.ts';
import { lookAtSessions } from './worker/sessions-look.ts';
import { WorkerPlace } from './worker/worker-place.ts';

/** The way to the first process. */
export interface PrimaryPort extends MessagePort {
  onMessage(listener: (...message: Parameters<Channel<WorkerCalls, PrimaryCalls>['receive']>) => void): void;
  onDisconnect(listener: () => void): void;
}

interface Parts {
  readonly concentrator: Concentrator;
  readonly insight: Insight;
}

/** Serves as one of several processes, until the first process is gone. */
export class Worker implements RunningProgram {
  readonly #deps: ConcentratorDeps;
  readonly #load = new LoopLoad();
  readonly #channel: Channel<WorkerCalls, PrimaryCalls>;
  /** Resolves when it has ended. */
  readonly finished: Promise<void>;
  #place: WorkerPlace | undefined;
  #parts: Parts | undefined;
  #starting: Promise<void> | undefined;

  constructor(deps: ConcentratorDeps, port: PrimaryPort) {
    this.#deps = deps;
    this.#channel = new Channel(port, this.#handlers());
    port.onMessage((message, socket) => this.#channel.receive(message, socket));
    this.finished = new Promise((resolve) => {
      port.onDisconnect(() => {
        this.#channel.close();
        // In order, or without the first process: nobody is left to wait for.
        void this.close();
        void this.close().then(resolve, resolve);
      });
    });
  }

  /** The first process reloads it. */
  async reload(): Promise<void> {}

  async close(): Promise<void> {
    await this.#parts?.concentrator.close();
  }

  #handlers(): Handlers<WorkerCalls> {
    return {
      start: (start) => {
        this.#starting = this.#start(start);
        return this.#starting;
      },
      connection: (connection, socket) => {
        // Closed by its client on the way here.
        if (socket === undefined) return;
        if (this.#place === undefined) socket.destroy();
        else this.#place.take(connection, socket);
      },
      reload: async (config) => {
        // It may be told while it starts with the configuration before.
        await this.#starting;
        await this.#running().concentrator.reload(config);
      },
      clients: (packed) => this.#place?.clients.onList(unpackClients(packed)),
      metrics: () => this.#running().insight.registry.getMetricsAsJSON(),
      status: () => this.#running().insight.status(),
      look: () => lookAtSessions(this.#running().insight.view),
      close: () => this.close(),
      load: () => this.#load.take(),
    };
  }

  async #start(start: WorkerCalls['start']['value']): Promise<void> {
    const { version } = this.#deps;
    if (start.version !== version) {
      throw new Error(
        `its program is version ${version}, and the concentrator that runs is ${start.version ?? 'an older one'}: restart the concentrator`,
      );
    }
    this.#place = new WorkerPlace(start, this.#channel, start.config.clients, this.#deps.wallClock);
    const parts = await assembleProcess(start.config, this.#deps, this.#place);
    await parts.concentrator.start();
    this.#parts = parts;
  }

  #running(): Parts {
    if (this.#parts === undefined) throw new Error('the worker has not started');
    return this.#parts;
  }
}
