import type { ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { ClientEntry } from '../../../server-concentrator/config/concentrator-config.ts';
import { unpackClients } from '../../../server-concentrator/worker/calls.ts';
import { Placement } from '../../../server-concentrator/workers/placement.ts';
import { WorkerPool } from '../../../server-concentrator/workers/worker-pool.ts';
import { assembled, keyOf } from '../concentrator-bed.ts';

interface Said {
  readonly name: string;
  readonly id?: number;
  readonly value: unknown;
}

/** A process of a worker, as the pool sees it. */
class FakeWorker extends EventEmitter {
  readonly pid: number | undefined;
  readonly stdout = new PassThrough();
  connected = true;
  readonly heard: Said[] = [];
  /** It takes what it is told, and answers nothing. */
  isDeaf = false;
  killed = false;

  constructor(pid: number) {
    super();
    this.pid = pid;
  }

  send(message: Said, _socket: unknown, _options: unknown, done: (error: null) => void): void {
    this.heard.push(message);
    queueMicrotask(() => done(null));
    if (!this.isDeaf) this.answer(message);
  }

  answer({ id, name }: Said): void {
    const value = name === 'load' ? 0 : name;
    if (id !== undefined) queueMicrotask(() => this.emit('message', { answers: id, value }));
  }

  disconnect(): void {
    this.connected = false;
    this.end(0);
  }

  kill(): void {
    this.killed = true;
    this.end(null);
  }

  end(code: number | null): void {
    this.connected = false;
    this.emit('exit', code, code === null ? 'SIGKILL' : null);
  }

  named(name: string): Said[] {
    return this.heard.filter((one) => one.name === name);
  }
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A pool of two workers that is not started. @param born each process as it begins */
async function pooled(born: (worker: FakeWorker, number: number) => void = () => {}) {
  const { config } = await assembled(['laptop']);
  const children: FakeWorker[] = [];
  const lines: string[] = [];
  const placement = new Placement(2, () => Date.now(), Math.random);
  /** What `fork` does next in place of a process that begins. */
  const fork: { next?: (() => ChildProcess) | undefined } = {};
  const pool = new WorkerPool(config, {
    count: 2,
    program: { script: 'none.js', execArgv: [], env: {} },
    version: '1.2.3',
    placement,
    clock: () => Date.now(),
    random: () => 0.5,
    logger: pino({ level: 'info' }, { write: (line: string) => void lines.push(line) }),
    writeLogLine: () => {},
    isPretty: false,
    clients: { add: () => ({ used: [], trouble: undefined }), usedBytes: () => 0 },
    onProven() {},
    fork(_program, { number }) {
      const { next } = fork;
      fork.next = undefined;
      if (next !== undefined) return next();
      const child = new FakeWorker(1_000 + children.length);
      children.push(child);
      born(child, number);
      return child as unknown as ChildProcess;
    },
  });
  const start = () => pool.start({ listen: [], udp: [] });
  const up = () => placement.workers.map(({ isUp }) => isUp);
  /** What they have to tell they tell, also where nothing reaches them any more. */
  const speak = () => {
    for (const child of children) if (child.connected) child.emit('message', { name: 'usage', value: [] });
  };
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 500) {
      speak();
      await vi.advanceTimersByTimeAsync(500);
    }
  };
  return { pool, config, children, placement, lines, fork, start, up, pass };
}

it('lets none take clients before all are there: the first one would have all that wait', async () => {
  const { children, start, up } = await pooled((child, number) => {
    child.isDeaf = number === 2;
  });
  const started = start();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(children.map(({ heard }) => heard[0]!.value)).toEqual(
    [0, 1].map((index) => expect.objectContaining({ index, version: '1.2.3' })),
  );
  expect(up()).toEqual([false, false]);
  children[1]!.isDeaf = false;
  children[1]!.answer(children[1]!.heard[0]!);
  await started;
  expect(up()).toEqual([true, true]);
});

it('rejects where one cannot start, and ends the other with it', async () => {
  const { pool, children, start } = await pooled((child, number) => {
    if (number !== 2) return;
    child.answer = ({ id }) => void child.emit('message', { answers: id, failure: 'no port' });
  });
  await expect(start()).rejects.toThrow('worker 2 cannot start: no port');
  await pool.stop();
  expect(children.map(({ connected }) => connected)).toEqual([false, false]);
});

it.each<[string, () => ChildProcess]>([
  [
    'throws',
    () => {
      throw new Error('spawn ENOMEM');
    },
  ],
  [
    'gives no process, since there are no descriptors',
    () => {
      const child = new EventEmitter();
      process.nextTick(() => child.emit('error', new Error('spawn EMFILE')));
      return child as unknown as ChildProcess;
    },
  ],
])('replaces a worker at the next try where `fork` %s', async (_, failing) => {
  const { children, start, up, pass, fork, lines } = await pooled();
  await start();
  fork.next = failing;
  children[0]!.end(70);
  await vi.advanceTimersByTimeAsync(1);
  expect(up()).toEqual([false, true]);
  await pass(1_000);
  expect(lines.join('')).toMatch(/a worker cannot start/);
  await pass(5_000);
  expect(up()).toEqual([true, true]);
  expect(children).toHaveLength(3);
});

it('gives nothing new to a worker that answers nothing, and ends it when that lasts', async () => {
  const { children, start, pass, placement, up, lines } = await pooled();
  await start();
  await pass(20_000);
  children[0]!.isDeaf = true;
  await pass(6_000);
  expect(placement.chooseFor('w1.example.org', '192.0.2.1')).toBe(1);
  expect(placement.homeOf('laptop', 1).worker).toBe(1);
  expect(lines.join('')).toMatch(/new connections go to the others/);
  // It was slow, and no more than that: it answers what it was asked.
  children[0]!.isDeaf = false;
  for (const question of children[0]!.named('load')) children[0]!.answer(question);
  await pass(1_000);
  expect(placement.chooseFor('w1.example.org', '192.0.2.1')).toBe(0);
  children[0]!.isDeaf = true;
  await pass(27_000);
  expect(children[0]!.killed).toBe(false);
  await pass(6_000);
  expect(children[0]!.killed).toBe(true);
  expect(up()).toEqual([true, true]);
  expect(children).toHaveLength(3);
});

it('has no more than one list of clients on its way to a worker, and then the newest', async () => {
  const { pool, children, start, pass } = await pooled();
  await start();
  const [slow, other] = children as [FakeWorker, FakeWorker];
  slow.isDeaf = true;
  const list = (count: number): ClientEntry[] =>
    Array.from({ length: count }, (_, i) => ({ id: `client${i}`, key: keyOf(`client${i}`) }));
  for (let count = 1; count <= 8; count++) {
    pool.setClients(list(count));
    await vi.advanceTimersByTimeAsync(100);
  }
  const sizes = (worker: FakeWorker) =>
    worker.named('clients').map(({ value }) => unpackClients(value as Uint8Array).length);
  expect(sizes(other)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(sizes(slow)).toEqual([1]);
  slow.isDeaf = false;
  slow.answer(slow.named('clients')[0]!);
  await pass(500);
  expect(sizes(slow)).toEqual([1, 8]);
});

it('reloads those that are there; one that ends meanwhile fails nothing, and the next has what was reloaded', async () => {
  const { pool, config, children, start, pass } = await pooled();
  await start();
  children[0]!.isDeaf = true;
  const next = { ...config, visitors: { allow: ['*'], deny: [] } } as unknown as typeof config;
  const reloaded = pool.reload(next);
  await vi.advanceTimersByTimeAsync(10);
  children[0]!.end(70);
  await reloaded;
  await pass(2_000);
  const begun = children[2]!.named('start')[0]!.value as { config: typeof config };
  expect(begun.config.visitors).toEqual(next.visitors);
});

it('keeps the names of its workers over a reload, also where they come from an address', async () => {
  const { pool, config, children, start, pass } = await pooled();
  await start();
  type Told = { readonly config: typeof config };
  const before = (children[0]!.named('start')[0]!.value as Told).config.joinName;
  await pool.reload({ ...config, public: [{ host: 'other.example.org', port: 443 }] });
  const reloaded = children[0]!.named('reload')[0]!.value as typeof config;
  expect([reloaded.public[0]!.host, reloaded.joinName]).toEqual(['other.example.org', before]);
  children[0]!.end(70);
  await pass(2_000);
  expect((children[2]!.named('start')[0]!.value as Told).config.joinName).toBe(before);
});

it('gives nothing to a worker that comes up while all are to end, and ends it, too', async () => {
  const { pool, children, start, up, pass } = await pooled((child, number) => {
    child.isDeaf = number === 1 && children.length > 2;
  });
  await start();
  children[0]!.end(70);
  await pass(500);
  const late = children[2]!;
  const drained = pool.drain();
  late.isDeaf = false;
  for (const said of late.heard) late.answer(said);
  await drained;
  await vi.advanceTimersByTimeAsync(100);
  expect(up()).toEqual([false, true]);
  expect(late.named('close')).toHaveLength(2);
  await pool.stop();
});

it('asks those that answer, and ends all at the second call', async () => {
  const { pool, children, start } = await pooled();
  await start();
  children[1]!.isDeaf = true;
  const asked = pool.ask('status', undefined);
  await vi.advanceTimersByTimeAsync(6_000);
  expect(await asked).toEqual([{ index: 0, answer: 'status' }]);
  const stopped = pool.stop();
  await vi.advanceTimersByTimeAsync(6_000);
  await stopped;
  expect(children.every(({ connected }) => !connected)).toBe(true);
});
