import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { readdirSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { PrimaryCalls } from '../../../server-concentrator/worker/calls.ts';
import type { Handlers } from '../../../server-concentrator/worker/channel.ts';
import { WorkerProcess } from '../../../server-concentrator/workers/worker-process.ts';
import type { ReadyConnection } from '../../../shared/runtime/subflow/handshake-gate.ts';
import { useCleanups } from '../../support/cleanups.ts';

const SCRIPT = fileURLToPath(new URL('deaf-worker.mjs', import.meta.url));
/** Of util-linux. */
const PRLIMIT = 'prlimit';
/** As `worker-process.ts` has them. */
const MAX_WAITING = 1_024;
const TAKE_MS = 3_000;

const cleanup = useCleanups();

/** A process that greets each connection that it gets. */
async function started() {
  const child = fork(SCRIPT, { serialization: 'advanced' });
  cleanup(() => void child.kill('SIGKILL'));
  await once(child, 'message');
  return { child, worker: new WorkerProcess(child, {} as Handlers<PrimaryCalls>) };
}

/** Connections as they are given to a worker, and their other ends. */
async function connections(count: number) {
  const taken: Socket[] = [];
  const server = createServer({ pauseOnConnect: true }, (socket) => void taken.push(socket)).listen(
    0,
    '127.0.0.1',
  );
  cleanup(() => void server.close());
  await once(server, 'listening');
  const ends = Array.from({ length: count }, () => {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    socket.on('error', () => {});
    cleanup(() => void socket.destroy());
    const text = new Promise<string>((resolve) => {
      let said = '';
      socket.on('data', (bytes) => {
        said += bytes.toString();
      });
      socket.once('close', () => resolve(said));
    });
    return { socket, text };
  });
  await expect.poll(() => taken.length).toBe(count);
  return { ready: taken.map(readyOf), ends };
}

function readyOf(socket: Socket): ReadyConnection {
  return {
    socket,
    head: new Uint8Array(),
    remote: '127.0.0.1',
    isProven: false,
    isProxied: false,
    leftMs: 1_000,
  };
}

describe('a worker', () => {
  it('gets each connection that it is given', async () => {
    const { worker } = await started();
    const { ready, ends } = await connections(3);
    expect(ready.map((one) => worker.give(one))).toEqual([true, true, true]);
    expect(await Promise.all(ends.map(({ text }) => text))).toEqual(['taken', 'taken', 'taken']);
    // Nothing of them is left here.
    await expect.poll(() => ready.every(({ socket }) => socket.destroyed)).toBe(true);
  });

  it('that dies with connections on their way to it leaves none of them open', async () => {
    const { child, worker } = await started();
    process.kill(child.pid!, 'SIGSTOP');
    const { ready, ends } = await connections(5);
    for (const one of ready) worker.give(one);
    process.kill(child.pid!, 'SIGKILL');
    expect(await worker.ended).toBe('signal SIGKILL');
    expect(await Promise.all(ends.map(({ text }) => text))).toEqual(['', '', '', '', '']);
    expect(ready.every(({ socket }) => socket.destroyed)).toBe(true);
    const late = await connections(1);
    expect(worker.give(late.ready[0]!)).toBe(false);
  });

  it('without a descriptor for a connection loses it, and gets the next when it has some', async () => {
    const { child, worker } = await started();
    const limit = (soft: number) =>
      execFileSync(PRLIMIT, ['--pid', String(child.pid), `--nofile=${soft}:1000`]);
    limit(readdirSync(`/proc/${child.pid}/fd`).length - 1);
    const { ready, ends } = await connections(1);
    for (const one of ready) worker.give(one);
    expect(await Promise.all(ends.map(({ text }) => text))).toEqual(['']);
    limit(1_000);
    const next = await connections(3);
    for (const one of next.ready) worker.give(one);
    expect(await Promise.all(next.ends.map(({ text }) => text))).toEqual(['taken', 'taken', 'taken']);
  });

  it('that stood still behind a full pipe for longer than it may take is told all that comes after', async () => {
    const { child, worker } = await started();
    process.kill(child.pid!, 'SIGSTOP');
    void worker.channel.ask('clients', new Uint8Array(4_000_000)).catch(() => {});
    const stuck = await connections(1);
    worker.give(stuck.ready[0]!);
    await new Promise((resolve) => setTimeout(resolve, TAKE_MS + 500));
    process.kill(child.pid!, 'SIGCONT');
    const next = await connections(2);
    for (const one of next.ready) worker.give(one);
    expect(await Promise.all(next.ends.map(({ text }) => text))).toEqual(['taken', 'taken']);
    await expect.poll(() => stuck.ready[0]!.socket.destroyed).toBe(true);
  });

  it('is told to close, and killed where it does not', async () => {
    const { worker } = await started();
    const stopped = worker.stop();
    expect(await worker.ended).toMatch(/exit code 0|signal/);
    await stopped;
  });
});

/** A child process that Node.js tells nothing about. */
function quietChild(properties: object): ChildProcess {
  return Object.assign(new EventEmitter(), properties) as unknown as ChildProcess;
}

/** The same, with what it is sent, of which it answers nothing by itself. */
function heldChild() {
  const sent: { readonly name: string; readonly id: number }[] = [];
  /** Each is in the pipe. */
  const leave: (() => void)[] = [];
  const child = quietChild({
    pid: 1,
    connected: true,
    send: (message: (typeof sent)[number], _socket: unknown, _options: unknown, done: () => void) => {
      sent.push(message);
      leave.push(done);
    },
  });
  const worker = new WorkerProcess(child, {} as Handlers<PrimaryCalls>);
  let closed = 0;
  const give = () => worker.give(readyOf({ destroy: () => closed++ } as unknown as Socket));
  return { child, worker, sent, leave, give, closed: () => closed };
}

it('one that takes no connections gets so many and no more, and none of them stays open when it ends', async () => {
  const { child, worker, give, closed } = heldChild();
  const given = Array.from({ length: MAX_WAITING + 9 }, give).filter((isGiven) => isGiven).length;
  // One is on its way.
  expect(given).toBe(MAX_WAITING + 1);
  child.emit('exit', 1, null);
  expect(await worker.ended).toBe('exit code 1');
  await expect.poll(closed).toBe(MAX_WAITING + 1);
  expect(give()).toBe(false);
});

it('is told things before connections that wait for it, and gets these one by one', async () => {
  const { child, worker, sent, give, closed } = heldChild();
  const names = () => sent.map(({ name }) => name);
  for (let i = 0; i < 3; i++) give();
  void worker.channel.ask('clients', new Uint8Array()).catch(() => {});
  expect(names()).toEqual(['connection', 'clients']);
  child.emit('message', { answers: sent[0]!.id });
  await expect.poll(names).toEqual(['connection', 'clients', 'connection']);
  expect(closed()).toBe(1);
  child.emit('exit', 0, null);
  await expect.poll(closed).toBe(3);
});

it('a connection that it has not taken in time is closed, but not while it waits to be sent', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const { child, leave, give, closed } = heldChild();
  for (let i = 0; i < 3; i++) give();
  await vi.advanceTimersByTimeAsync(3 * TAKE_MS);
  expect([closed(), leave.length]).toEqual([0, 1]);
  leave[0]!();
  await vi.advanceTimersByTimeAsync(0);
  expect([closed(), leave.length]).toEqual([1, 2]);
  leave[1]!();
  await vi.advanceTimersByTimeAsync(TAKE_MS - 1);
  expect(closed()).toBe(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(closed()).toBe(2);
  child.emit('exit', 1, null);
  await vi.advanceTimersByTimeAsync(0);
  expect(closed()).toBe(3);
});

it('one that has no process, since there are no descriptors for it, has ended', async () => {
  // As `fork` gives it back then: nothing but an error that comes.
  const child = quietChild({ pid: undefined });
  const worker = new WorkerProcess(child, {} as Handlers<PrimaryCalls>);
  const asked = worker.channel.ask('metrics', undefined);
  process.nextTick(() => child.emit('error', new Error('spawn node EMFILE')));
  await expect(asked).rejects.toThrow('there is no such process');
  expect(await worker.ended).toBe('spawn node EMFILE');
  // Node.js tells some of these twice.
  child.emit('error', new Error('spawn node EMFILE'));
});
