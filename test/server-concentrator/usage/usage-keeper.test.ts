import { mkdir, readdir, readFile, rename, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, it, onTestFinished, vi } from 'vitest';
import {
  hourOf,
  monthOf,
  type UsageBatch,
  type UsageTotal,
} from '../../../server-concentrator/usage/usage-count.ts';
import { UsageFiles } from '../../../server-concentrator/usage/usage-files.ts';
import { UsageKeeper } from '../../../server-concentrator/usage/usage-keeper.ts';
import type { UsageStore } from '../../../server-concentrator/usage/usage-store.ts';
import { temporaryDirectory } from '../../config/temporary-directory.ts';
import { deferred } from '../../support/deferred.ts';

/** Files of a busy machine. */
const SETTLE_MS = 400;
const WRITER = '00000000-0000-4000-8000-000000000001';
const logger = pino({ enabled: false });
const count = (client: string, bytes: number) => ({ client, upBytes: bytes, downBytes: 0, connections: 1 });

function bed(store: UsageStore, startMs = Date.UTC(2026, 10, 29, 12), unsent: readonly UsageBatch[] = []) {
  let nowMs = startMs;
  const kept: (readonly UsageBatch[])[] = [];
  const keeper = new UsageKeeper({
    store,
    unsent,
    writer: WRITER,
    wallClock: () => nowMs,
    keepUnsent: async (batches) => void kept.push(batches),
    logger,
  });
  return {
    keeper,
    kept,
    set: (ms: number) => {
      nowMs = ms;
    },
    pass: (ms: number) => {
      nowMs += ms;
    },
    /** Until what it has begun to write is written. */
    settle: () => new Promise((resolve) => setTimeout(resolve, SETTLE_MS)),
  };
}

/** A store whose answers may get lost. */
class FakeStore implements UsageStore {
  readonly saveEveryMs = 5_000;
  readonly totals = new Map<string, number>();
  readonly seen = new Set<string>();
  isAway = false;
  losesAnswers = false;
  writes = 0;

  async write({ writer, number, hour, counts }: UsageBatch): Promise<void> {
    if (this.isAway) throw new Error('away');
    this.writes++;
    if (!this.seen.has(`${writer} ${number}`)) {
      this.seen.add(`${writer} ${number}`);
      for (const { client, upBytes } of counts) {
        const key = `${hour.slice(0, 7)} ${client}`;
        this.totals.set(key, (this.totals.get(key) ?? 0) + upBytes);
      }
    }
    if (this.losesAnswers) throw new Error('lost');
  }

  async close(): Promise<void> {}

  async readMonth(month: string): Promise<ReadonlyMap<string, UsageTotal>> {
    if (this.isAway) throw new Error('away');
    const own = [...this.totals].filter(([key]) => key.startsWith(month));
    return new Map(own.map(([key, upBytes]) => [key.slice(8), { upBytes, downBytes: 0, connections: 0 }]));
  }
}

it('keeps months in files of their own, that the owner alone may read, over restarts', async () => {
  const directory = await temporaryDirectory();
  const { keeper, pass, settle } = bed(new UsageFiles(directory, { wallClock: Date.now, logger }));
  await keeper.start();
  keeper.add([count('a', 100)]);
  expect([keeper.usedBytes('a'), await readdir(directory)]).toEqual([100, []]);
  pass(61_000);
  keeper.add([count('a', 50), count('b', 7)]);
  await settle();
  const file = join(directory, 'usage-2026-11.json');
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(JSON.parse(await readFile(file, 'utf8')).clients).toEqual({ a: [150, 0, 2], b: [7, 0, 1] });
  pass(10_000);
  keeper.add([count('a', 1)]);
  await settle();
  expect(JSON.parse(await readFile(file, 'utf8')).clients.a).toEqual([150, 0, 2]);
  await keeper.close([count('a', 1)]);
  const again = bed(new UsageFiles(directory, { wallClock: Date.now, logger }));
  await again.keeper.start();
  expect([again.keeper.usedBytes('a'), again.keeper.usedBytes('b')]).toEqual([152, 7]);
});

it('sets a damaged file aside, keeps 14 months, and takes any name for a client', async () => {
  const directory = await temporaryDirectory();
  const store = new UsageFiles(directory, { wallClock: Date.now, logger });
  for (const [text, month] of [
    ['{', '2026-11'],
    ['{"version":1,"clients":{"a":[1,2]}}', '2026-10'],
    ['{"version":1,"clients":{"a":[-1,2,3]}}', '2026-09'],
    ['[]', '2026-08'],
  ] as const) {
    await writeFile(join(directory, `usage-${month}.json`), text);
    expect((await store.readMonth(month)).size).toBe(0);
    expect(await readdir(directory)).toContain(`usage-${month}.json.damaged`);
  }
  for (let month = 1; month <= 12; month++)
    for (const year of [2024, 2025]) {
      const hour = `${year}-${String(month).padStart(2, '0')}-01T00`;
      await store.write({ writer: WRITER, number: 1, hour, counts: [count('__proto__', 1), count('a', 1)] });
    }
  const names = (await readdir(directory)).filter((name) => /^usage-\d{4}-\d{2}\.json$/.test(name)).sort();
  expect([names.length, names.at(-1)]).toEqual([14, 'usage-2025-12.json']);
  expect((await store.readMonth('2025-12')).size).toBe(2);
});

it('adds up what two concentrators count that were given one directory', async () => {
  const directory = await temporaryDirectory();
  const stores = [1, 2, 3].map(() => new UsageFiles(directory, { wallClock: Date.now, logger }));
  const batch = { writer: WRITER, number: 1, hour: '2026-11-29T12', counts: [count('a', 1)] };
  await Promise.all(
    stores.map(async (store) => {
      for (let i = 0; i < 4; i++) await store.write(batch);
    }),
  );
  expect((await stores[0]!.readMonth('2026-11')).get('a')?.upBytes).toBe(12);
});

it('has written a batch, whether or not an old file can be removed', async () => {
  const directory = await temporaryDirectory();
  for (let month = 10; month < 30; month++) await mkdir(join(directory, `usage-20${month}-01.json`));
  const store = new UsageFiles(directory, { wallClock: Date.now, logger });
  await store.write({ writer: WRITER, number: 1, hour: '2026-11-29T12', counts: [count('a', 1)] });
  expect((await store.readMonth('2026-11')).get('a')?.upBytes).toBe(1);
});

it('leaves a file as it is that cannot be read now, and counts on when it can', async () => {
  const directory = await temporaryDirectory();
  const store = new UsageFiles(directory, { wallClock: Date.now, logger });
  const batch = { writer: WRITER, number: 1, hour: '2026-11-29T12', counts: [count('a', 5)] };
  await store.write(batch);
  const file = join(directory, 'usage-2026-11.json');
  await rename(file, `${file}.moved`);
  // Leads to itself: nobody can read it, not even root.
  await symlink(file, file);
  await expect(store.readMonth('2026-11')).rejects.toThrow(`cannot read ${file}`);
  await expect(store.write(batch)).rejects.toThrow(`cannot change ${file}`);
  expect((await readdir(directory)).sort()).toEqual(['usage-2026-11.json', 'usage-2026-11.json.moved']);
  await rename(`${file}.moved`, file);
  await store.write(batch);
  expect((await store.readMonth('2026-11')).get('a')?.upBytes).toBe(10);
});

it('counts once, whether or not an answer gets lost, and all of it when the store is back', async () => {
  const store = new FakeStore();
  const { keeper, kept, pass, settle } = bed(store);
  await keeper.start();
  store.losesAnswers = true;
  for (let i = 0; i < 4; i++) {
    keeper.add([count('a', 10)]);
    pass(5_000);
    keeper.add([]);
    await settle();
    expect(keeper.usedBytes('a')).toBe(10 * (i + 1));
  }
  store.losesAnswers = false;
  store.isAway = true;
  for (let hour = 0; hour < 3; hour++) {
    pass(3_600_000);
    keeper.add([count('a', 1), count('b', 1)]);
    await settle();
  }
  expect([keeper.usedBytes('a'), keeper.usedBytes('b')]).toEqual([43, 3]);
  expect(kept.at(-1)!.length).toBeLessThanOrEqual(6);
  await keeper.close([]);
  // The next program of this concentrator has it from the disk.
  store.isAway = false;
  const next = new UsageKeeper({
    ...{ store, writer: WRITER.replace('1', '2'), wallClock: () => Date.UTC(2026, 10, 29, 16), logger },
    unsent: kept.at(-1)!,
    keepUnsent: async () => {},
  });
  expect(next.usedBytes('a')).toBeGreaterThanOrEqual(3);
  await next.start();
  await next.close([]);
  expect([store.totals.get('2026-11 a'), store.totals.get('2026-11 b')]).toEqual([43, 3]);
});

it('adds nothing to what the program before may have written', async () => {
  const store = new FakeStore();
  const hour = '2026-11-29T12';
  const unsent = [1, 2].map((number) => ({
    ...{ writer: WRITER.replace('1', '2'), number, hour },
    counts: [count('a', 10)],
  }));
  // It was killed before it could empty its file.
  for (const batch of unsent) await store.write(batch);
  const { keeper } = bed(store, Date.UTC(2026, 10, 29, 12), unsent);
  await keeper.start();
  await keeper.close([count('a', 1)]);
  expect(store.totals.get('2026-11 a')).toBe(21);
});

it('joins hours of one month only, however much waits', async () => {
  const store = new FakeStore();
  const { keeper, set } = bed(store, Date.UTC(2026, 9, 31, 21));
  await keeper.start();
  store.isAway = true;
  const clients = Array.from({ length: 60_000 }, (_, i) => count(`c${i}`, 1));
  for (const hour of [21, 22, 23, 24, 25]) {
    set(Date.UTC(2026, 9, 31, hour));
    keeper.add(clients);
    await keeper.close([]);
  }
  store.isAway = false;
  await keeper.close([]);
  expect([store.totals.get('2026-10 c1'), store.totals.get('2026-11 c1')]).toEqual([3, 2]);
  expect(keeper.usedBytes('c1')).toBe(2);
});

it('keeps what is unwritten before it waits for a store that does not answer', async () => {
  const store = new FakeStore();
  const { keeper, kept } = bed(store);
  await keeper.start();
  store.write = () => new Promise(() => {});
  void keeper.close([count('a', 1)]);
  await Promise.resolve();
  expect(kept.map((batches) => batches.map(({ counts }) => counts))).toEqual([[[count('a', 1)]]]);
});

it('begins without what a store says that is slow, and counts it once it has come', async () => {
  const store = new FakeStore();
  const used = new Map([['laptop', { upBytes: 700, downBytes: 0, connections: 0 }]]);
  const answer = deferred<typeof used>();
  store.readMonth = () => answer.promise;
  const { keeper } = bed(store);
  await keeper.start();
  expect(keeper.usedBytes('laptop')).toBe(0);
  answer.resolve(used);
  await expect.poll(() => keeper.usedBytes('laptop')).toBe(700);
});

it('is right after a clock has jumped, forwards and back, and counts months in UTC', async () => {
  const store = new FakeStore();
  const { keeper, set, settle } = bed(store, Date.UTC(2026, 9, 31, 23, 59, 58));
  await keeper.start();
  keeper.add([count('a', 5)]);
  set(Date.UTC(2026, 10, 1, 0, 0, 1));
  expect(keeper.usedBytes('a')).toBe(0);
  keeper.add([count('a', 7)]);
  await settle();
  expect(keeper.usedBytes('a')).toBe(7);
  for (const ms of [0, Date.UTC(2040, 0), -1, 8.64e15, Number.MAX_SAFE_INTEGER]) {
    set(ms);
    keeper.add([count('a', 1)]);
    await settle();
  }
  set(Date.UTC(2026, 10, 2));
  keeper.add([]);
  await settle();
  keeper.add([]);
  await settle();
  expect(keeper.usedBytes('a')).toBe(7);
  await keeper.close([]);
  expect(store.totals.get('2026-10 a')).toBe(5);
  expect([...store.totals.values()].reduce((sum, bytes) => sum + bytes)).toBe(17);
});

it('names hours so that no day of a time zone has one twice', () => {
  vi.stubEnv('TZ', 'Europe/Berlin');
  onTestFinished(() => void vi.unstubAllEnvs());
  const hours = Array.from({ length: 72 }, (_, i) => hourOf(Date.UTC(2026, 9, 24) + i * 3_600_000));
  expect(new Set(hours).size).toBe(72);
  // There it is November already.
  expect(monthOf(Date.parse('2026-10-31T23:30:00Z'))).toBe('2026-10');
});
