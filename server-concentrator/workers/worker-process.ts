import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import { atMost } from '../../shared/runtime/async/at-most.ts';
import type { ReadyConnection } from '../../shared/runtime/subflow/handshake-gate.ts';
import type { PrimaryCalls, WorkerCalls } from '../worker/calls.ts';
import { Channel, type Handlers } from '../worker/channel.ts';

/** Connections that wait for one worker. One that takes none for so many is stuck, and they are better off dialled again. */
const MAX_WAITING = 1_024;
/** A connection that a worker has not taken after so long is given up, in case that it has got lost on the way. A busy one is slow. */
const TAKE_MS = 3_000;
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
  /**
   * Connections for it. One is on its way at a time: behind one, Node.js sends nothing at all before it has arrived, and what a worker is
   * told, as of clients that were removed, would wait for hundreds of them.
   */
  readonly #waiting: ReadyConnection[] = [];
  #isSending = false;
  /** The connection on its way is in the pipe, or will never be. */
  #onSent: () => void = () => {};

  constructor(child: ChildProcess, handlers: Handlers<PrimaryCalls>) {
    this.#child = child;
    this.pid = child.pid;
    const send = (message: object, socket: Socket | undefined, done: (error?: Error | null) => void) => {
      // Without a free descriptor there is neither a process nor a channel.
      // A socket stays open here until it is sent, and is then closed by us: where the worker has no descriptor for it, Node.js would send
      // it again, and take the answers of both for an internal error of its own.
      const onSent = (error: Error | null) => {
        done(error);
        if (socket !== undefined) this.#onSent();
      };
      if (child.connected) child.send(message, socket, { keepOpen: true }, onSent);
      else onSent(new Error('there is no such process'));
    };
    this.channel = new Channel<PrimaryCalls, WorkerCalls>({ send }, handlers);
    child.on('message', (message) => this.channel.receive(message, undefined));
    this.ended = new Promise((resolve) => {
      const end = (how: string) => {
        this.#hasEnded = true;
        this.#onSent();
        this.channel.close();
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

  /** Gives it a connection. False where it has ended, or has too many waiting for it. */
  give(connection: ReadyConnection): boolean {
    if (this.#hasEnded || this.#waiting.length >= MAX_WAITING) return false;
    this.#waiting.push(connection);
    if (!this.#isSending) void this.#sendWaiting();
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

  /** Once it has ended, this closes those that wait. */
  async #sendWaiting(): Promise<void> {
    this.#isSending = true;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      const { socket, ...connection } = next;
      const sent = new Promise<void>((resolve) => {
        this.#onSent = resolve;
      });
      const isTaken = await this.channel.ask('connection', connection, TAKE_MS, socket).then(
        () => true,
        () => false,
      );
      // Closed while it waits in a full pipe, it would never be sent, and Node.js, which waits for its arrival, would send nothing more.
      if (!isTaken && !this.#hasEnded) await sent;
      socket.destroy();
    }
    this.#isSending = false;
  }
}
