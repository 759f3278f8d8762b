import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import { atMost } from '../../shared/runtime/async/at-most.ts';
import type { ReadyConnection } from '../../shared/runtime/subflow/handshake-gate.ts';
import type { PrimaryCalls, WorkerCalls } from '../worker/calls.ts';
import { Channel, type Handlers } from '../worker/channel.ts';

/** Connections on their way to one worker. One that takes none for so many is stuck, and they are better off dialled again. */
const MAX_ON_THE_WAY = 1_024;
/** What is left to do once it has been told to end. */
const EXIT_MS = 3_000;

/** A worker, as the first process sees it. */
export class WorkerProcess {
  readonly channel: Channel<PrimaryCalls, WorkerCalls>;
  readonly pid: number | undefined;
  /** Resolves to how it ended, for people. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  #onTheWay = 0;

  constructor(child: ChildProcess, handlers: Handlers<PrimaryCalls>) {
    this.#child = child;
    this.pid = child.pid;
    const send = (message: object, socket: Socket | undefined, done: (error?: Error | null) => void) =>
      void child.send(message, socket, {}, (error) => done(error));
    this.channel = new Channel<PrimaryCalls, WorkerCalls>({ send }, handlers);
    child.on('message', (message) => this.channel.receive(message, undefined));
    this.ended = new Promise((resolve) => {
      const end = (how: string) => {
        this.channel.close();
        resolve(how);
      };
      child.once('error', (error) => end(error.message));
      child.once('exit', (code, signal) => end(signal === null ? `exit code ${code}` : `signal ${signal}`));
    });
  }

  /** Gives it a connection. False where it has too many on their way already. */
  give({ socket, ...connection }: ReadyConnection): boolean {
    if (this.#onTheWay >= MAX_ON_THE_WAY) return false;
    this.#onTheWay++;
    this.channel.tell('connection', connection, socket, (error) => {
      this.#onTheWay--;
      if (error) socket.destroy();
    });
    return true;
  }

  /** Ends it at once. */
  async stop(): Promise<void> {
    this.channel.tell('close', undefined);
    if (this.#child.connected) this.#child.disconnect();
    let hasEnded = false;
    const ended = this.ended.then(() => {
      hasEnded = true;
    });
    await atMost(EXIT_MS, ended);
    if (!hasEnded) this.#child.kill('SIGKILL');
  }
}
