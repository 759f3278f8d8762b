import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConcentratorChanges } from '../../../../client-proxy/page/history/concentrator-changes.ts';
import { HistoryKeeper } from '../../../../client-proxy/page/history/history-keeper.ts';
import { StateChanges } from '../../../../client-proxy/page/history/state-changes.ts';
import { temporaryDirectory } from '../../../config/temporary-directory.ts';

const START_MS = Date.UTC(2026, 10, 29, 12, 0, 30);
const MINUTE_MS = 60_000;
const MB = 1_000_000;

/** One run of the program: its clock, its counters, and what it keeps. */
async function run(file: string, startMs: number) {
  let nowMs = startMs;
  const total = { sentBytes: 0, receivedBytes: 0 };
  const day = { startMs: Date.UTC(2026, 10, 29), endMs: Date.UTC(2026, 10, 30), isWarned: false };
  const plan = { name: 'contract', usage: { day: { ...day, sentBytes: 0, receivedBytes: 0 } } };
  const said: [message: string, fields: object][] = [];
  const say = (fields: object, message: string) => void said.push([message, fields]);
  const changes = new StateChanges(
    () => nowMs,
    () => 0,
  );
  const concentratorChanges = new ConcentratorChanges(() => nowMs);
  const keeper = await HistoryKeeper.open({
    ...{ file, changes, concentratorChanges, clock: () => nowMs, wallClock: () => nowMs },
    logger: { warn: say, info: say } as never,
    traffic: {
      *entries() {
        yield ['dsl', { ...total }];
      },
    } as never,
    directTraffic: {
      *entries() {
        yield ['lte', { ...total }];
      },
    } as never,
    metering: { meters: [plan], plans: new Map([['lte', 'contract']]) } as never,
  });
  return {
    ...{ keeper, changes, concentratorChanges, said, plan },
    setClock: (ms: number) => {
      nowMs = ms;
    },
    /** Goes on for so many seconds, with so many bytes in each. */
    pass(seconds: number, bytes = 0) {
      for (let i = 0; i < seconds; i += 1) {
        nowMs += 1_000;
        total.receivedBytes += bytes;
        keeper.sample();
      }
    },
  };
}

const fileOf = async () => join(await temporaryDirectory(), 'state', 'page-history.gz');
const written = async (file: string) => (await stat(file).catch(() => undefined))?.mtimeMs;

describe('the history that is kept', () => {
  it('is there after a restart: seconds, minutes, days and changes; the minute of the restart is whole', async () => {
    const file = await fileOf();
    const one = await run(file, START_MS);
    one.keeper.sample();
    one.pass(100, 125_000);
    one.plan.usage.day = { ...one.plan.usage.day, sentBytes: 5, receivedBytes: 7 };
    one.changes.add(
      { name: 'lte', state: 'doubted', reason: 'silent for 171 ms', cause: 'silent', isUp: true },
      'in-use',
    );
    one.concentratorChanges.add({ concentrator: 'paris', kind: 'chosen', reason: 'it is better' });
    one.keeper.sample();
    await one.keeper.close();
    // 12:02:10; the next run is at it from 12:02:20.
    const two = await run(file, START_MS + 110_000);
    two.keeper.sample();
    two.pass(60, 125_000);
    const { minutes, days } = two.keeper.report(0);
    const at = (minute: number) => Date.UTC(2026, 10, 29, 12, minute);
    expect(minutes.times).toEqual([at(1), at(2), at(3)]);
    const down = minutes.uplinks.find(({ name }) => name === 'dsl')!.down;
    // Mbit/s over the minute: of 30 s, of 60 s, of 10 s and 40 s.
    for (const [i, rate] of [0.5, 1, 50 / 60].entries()) expect(down[i]! / MB).toBeCloseTo(rate, 2);
    expect(two.keeper.history.seconds.report().times).toHaveLength(100 + 60);
    expect(two.changes.all).toMatchObject([{ uplink: 'lte', state: 'doubted', before: 'in-use' }]);
    expect(two.concentratorChanges.all).toEqual(one.concentratorChanges.all);
    const midnightMs = new Date(START_MS).setHours(0, 0, 0, 0);
    expect(days).toContainEqual({
      name: 'dsl',
      days: [{ startMs: midnightMs, sentBytes: 0, receivedBytes: 160 * 125_000 }],
    });
    // What the metering has counted, and not a second account of it.
    expect(days.map(({ name }) => name).sort()).toEqual(['contract', 'dsl']);
    expect(one.said).toEqual([]);
    await two.keeper.close();
  });

  it('is written once a minute at most, and for next to nothing once in a quarter of an hour', async () => {
    const file = await fileOf();
    const { keeper, pass, changes } = await run(file, START_MS);
    /** It is written at the last of these seconds, and not before. */
    const expectSavedAfter = async (seconds: number, bytes: number) => {
      const before = await written(file);
      pass(seconds - 1, bytes);
      await new Promise((resolve) => setTimeout(resolve, 60));
      expect(await written(file)).toBe(before);
      pass(1, bytes);
      await expect.poll(() => written(file)).not.toBe(before);
    };
    await expectSavedAfter(60, MB);
    await expectSavedAfter(60, MB);
    await expectSavedAfter(900, 100);
    changes.add(
      { name: 'lte', state: 'down', reason: 'gone', cause: 'interface-gone', isUp: false },
      'in-use',
    );
    await expectSavedAfter(60, 0);
    await keeper.close();
    expect(await readdir(dirname(file))).toEqual(['page-history.gz']);
  });

  it('is set aside where it is damaged, with a warning, and begins anew', async () => {
    const file = await fileOf();
    const one = await run(file, START_MS);
    one.pass(10, MB);
    await one.keeper.close();
    const damaged = (await readFile(file)).subarray(0, -5);
    await writeFile(file, damaged);
    const two = await run(file, START_MS + 20_000);
    expect(two.said).toEqual([
      [
        "the page's figures of the past are lost",
        { reason: expect.stringContaining(file), kept: `${file}.damaged` },
      ],
    ]);
    expect(await readFile(`${file}.damaged`)).toEqual(damaged);
    two.pass(10, MB);
    await two.keeper.close();
    expect((await run(file, START_MS + 40_000)).keeper.history.seconds.report().times).toHaveLength(9);
  });

  it('goes on where nothing can be written, and complains once', async () => {
    const file = await fileOf();
    await writeFile(dirname(file), 'in the way');
    const { keeper, pass, said } = await run(file, START_MS);
    for (let i = 0; i < 3; i += 1) {
      pass(60, MB);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await keeper.close();
    expect(said.map(([message]) => message)).toEqual(["the page's figures of the past cannot be kept"]);
    expect(keeper.history.seconds.report().times).toHaveLength(179);
  });

  it('outlasts a clock that begins in the past, and is cut where it was set in the future', async () => {
    const file = await fileOf();
    const one = await run(file, START_MS);
    one.pass(10 * 60, MB);
    await one.keeper.close();
    const minutes = one.keeper.report(0).minutes.times.length;
    // A router without a clock: in 1970 until a time server has answered.
    const two = await run(file, 0);
    two.pass(5 * 60, MB);
    expect(two.keeper.history.isClockBehind).toBe(true);
    two.setClock(START_MS + 20 * MINUTE_MS);
    two.pass(61, MB);
    expect(two.keeper.history.isClockBehind).toBe(false);
    expect(two.keeper.report(0).minutes.times.length).toBeGreaterThanOrEqual(minutes);
    await two.keeper.close();
    // Set an hour back for good: what seems to be still to come is forgotten after a while.
    const three = await run(file, START_MS - 60 * MINUTE_MS);
    three.pass(16 * 60, MB);
    expect(three.keeper.history.isClockBehind).toBe(false);
    expect(Math.max(...three.keeper.report(0).minutes.times)).toBeLessThan(START_MS);
    await three.keeper.close();
  });
});
