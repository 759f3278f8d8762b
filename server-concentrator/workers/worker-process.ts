import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import { atMost } from '../../shared/runtime/async/at-most.ts';
import type { ReadyConnection } from '../../shared/runtime/subflow/handshake-gate.ts';
import type { PrimaryCalls, WorkerCalls } from '../worker/calls.ts';
import { Channel, type Handlers } from '../worker/channel.ts';

/** Connections on their way to one worker. One that takes none for so many is stuck, and they are better off dialled again. */
const MAX_ON_THE_WAY = 1_024;
/** What is left to do once it has been told to end: the last counts of usage, and then the process itself. */
const CLOSE_MS = 2_000;
const EXIT_MS = 3_000;

/** A worker, as the first process sees it. */
export class WorkerProcess {
  readonly channel: Channel<PrimaryCalls, WorkerCalls>;
  readonly pid: number | undefined;
  /** Resolves to how it ended, for people. */
  readonly ended: Promise<string>;
  #hasEnded = false;
  readonly #child: ChildProcess;
  /** Node.js sends one connection after the other, and each once the one before has arrived. */
  readonly #onTheWay = new Set<Socket>();

  constructor(child: ChildProcess, handlers: Handlers<PrimaryCalls>) {
    this.#child = child;
    this.pid = child.pid;
    const send = (message: object, socket: Socket | undefined, done: (error?: Error | null) => void) => {
      // Without a free descriptor there is neither a process nor a channel.
      // A socket stays open here until it is sent, and is then closed by us: where the worker has no descriptor for it, Node.js would send
      // it again, and take the answers of both for an internal error of its own.
      if (child.connected) child.send(message, socket, { keepOpen: true }, (error) => done(error));
      else done(new Error('there is no such process'));
    };
    this.channel = new Channel<PrimaryCalls, WorkerCalls>({ send }, handlers);
    child.on('message', (message) => this.channel.receive(message, undefined));
    this.ended = new Promise((resolve) => {
      const end = (how: string) => {
        this.#hasEnded = true;
        this.channel.close();
        // Node.js forgets those that it has not sent yet.
        for (const socket of this.#onTheWay) socket.resetAndDestroy();
        this.#onTheWay.clear();
        resolve(how);
      };
      child.on('error', (error) => {
        // It cannot be killed, or the like: only one that never began has ended.
        if (child.pid === undefined) end(error.message);
      });
      child.once('exit', (code, signal) => end(signal === null ? `exit code ${code}` : `signal ${signal}`));
    });
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Gives it a connection. False where it has too many on their way already. */
  give({ socket, ...connection }: ReadyConnection): boolean {
    if (this.#onTheWay.size >= MAX_ON_THE_WAY) return false;
    this.#onTheWay.add(socket);
    this.channel.tell('connection', connection, socket, () => {
      this.#onTheWay.delete(socket);
      socket.destroy();
    });
    return true;
  }

  /** Ends it at once. */
  async stop(): Promise<void> {
    await atMost(
      CLOSE_MS,
      this.channel.ask('close', undefined, CLOSE_MS).catch(() => {}),
    );
    if (this.#child.connected) this.#child.disconnect();
    await atMost(EXIT_MS, this.ended);
    if (!this.#hasEnded) this.kill();
  }

  /** As `kill -9`: for one that does not listen. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
