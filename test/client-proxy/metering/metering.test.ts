import { chown, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { addUsage } from '../../../client-proxy/metering/add-usage.ts';
import type { MeteredSettings } from '../../../client-proxy/metering/metered-settings.ts';
import { Metering } from '../../../client-proxy/metering/metering.ts';
import type { ConfiguredPlans } from '../../../client-proxy/metering/plan.ts';
import { readUsageFile, USAGE_FILE_NAME } from '../../../client-proxy/metering/usage-file.ts';
import { createLogger } from '../../../shared/runtime/observe/logger.ts';
import { temporaryDirectory } from '../../config/temporary-directory.ts';
import { asUser, IS_ROOT, NOBODY } from '../../support/as-user.ts';
import { eventually } from '../../support/eventually.ts';

const MB = 1_000_000;
const NOW = Date.parse('2026-11-23T12:00Z');
const NO_PLANS: ConfiguredPlans = new Map();

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const capped: MeteredSettings = {
  rateLimit: { downBytesPerSecond: 0, upBytesPerSecond: 0 },
  monthlyBytes: 100 * MB,
  billingDay: 12,
  timeZone: 'UTC',
  atCap: 'backup',
  warnAtShare: 0.75,
};

/** A metered uplink whose bytes and clock the test sets, started with what the file holds. */
async function bed(file?: string, metered = capped, nowMs = NOW) {
  const at = file ?? join(await temporaryDirectory(), 'state', USAGE_FILE_NAME);
  const wire = { sentBytes: 0, receivedBytes: 0 };
  const clock = { nowMs };
  const uses: unknown[][] = [];
  const lines: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => lines.push(JSON.parse(line)) };
  const metering = await Metering.open({
    file: at,
    wires: { source: 'kernel', of: () => ({ read: () => ({ ...wire }) }) },
    wallClock: () => clock.nowMs,
    logger: createLogger({ level: 'info', format: 'json', isTty: false, destination }),
    plans: () => NO_PLANS,
    setUse: (...use) => uses.push(use),
  });
  metering.setUplinks([{ name: 'lte', metered }]);
  const pass = (ms: number) => {
    clock.nowMs += ms;
    vi.advanceTimersByTime(ms);
  };
  const said = (level: string) => lines.filter((line) => line.level === level);
  return { metering, file: at, wire, clock, uses, said, pass };
}

/** Uplinks with a wire each, whose plans the test sets. */
async function planBed(file?: string, plans: ConfiguredPlans = NO_PLANS) {
  const at = file ?? join(await temporaryDirectory(), 'state', USAGE_FILE_NAME);
  const received = new Map<string, number>();
  const uses: unknown[][] = [];
  const metering = await Metering.open({
    file: at,
    wires: {
      source: 'kernel',
      of: (name) => ({ read: () => ({ sentBytes: 0, receivedBytes: received.get(name) ?? 0 }) }),
    },
    wallClock: () => NOW,
    logger: createLogger({ level: 'info', format: 'json', isTty: false, destination: { write: () => {} } }),
    plans: () => plans,
    setUse: (...use) => uses.push(use),
  });
  const carry = (name: string, megabytes: number) => {
    received.set(name, (received.get(name) ?? 0) + megabytes * MB);
    vi.advanceTimersByTime(250);
  };
  const of = (...names: string[]) => names.map((name) => ({ name, plan: 'enx*', metered: capped20 }));
  return { metering, file: at, carry, uses, of };
}

const capped20: MeteredSettings = {
  rateLimit: { downBytesPerSecond: 0, upBytesPerSecond: 0 },
  monthlyBytes: 20_000_000,
  billingDay: 12,
  timeZone: 'UTC',
  atCap: 'stop',
  warnAtShare: 0.75,
};

describe('a plan of several uplinks', () => {
  it('has one cap for all of them, whatever the kernel calls them, one after the other', async () => {
    const { metering, carry, uses, of } = await planBed();
    metering.setUplinks(of('enx001122334455'));
    carry('enx001122334455', 15);
    metering.setUplinks([]);
    metering.setUplinks(of('enx66778899aabb'));
    carry('enx66778899aabb', 4);
    expect(uses).toEqual([]);
    carry('enx66778899aabb', 1);
    expect(uses).toEqual([['enx66778899aabb', 'stopped', 'monthly cap reached, until 2026-12-12']]);
    metering.setUplinks(of('enx66778899aabb', 'enx3'));
    expect(uses.at(-1)).toEqual(['enx3', 'stopped', 'monthly cap reached, until 2026-12-12']);
    expect([...metering.plans.values()]).toEqual(['enx*', 'enx*']);
    await metering.close();
  });

  it('counts those that are there together, and keeps the sum over a restart', async () => {
    const first = await planBed();
    first.metering.setUplinks(first.of('enx1', 'enx2'));
    first.carry('enx1', 9);
    first.carry('enx2', 8);
    expect(first.metering.meters.map(({ usage }) => usage.month.receivedBytes)).toEqual([17 * MB]);
    await first.metering.close();
    const { metering, carry, uses, of } = await planBed(first.file);
    metering.setUplinks(of('enx9'));
    carry('enx9', 3);
    expect(uses).toHaveLength(1);
    await metering.close();
  });

  it('takes over what was kept of its uplinks by their own names, once, and of those alone', async () => {
    const old = await planBed();
    const alone = (...names: string[]) => names.map((name) => ({ name, metered: capped20 }));
    old.metering.setUplinks(alone('enx1', 'enx2', 'wwan0', 'enx-sim'));
    for (const name of ['enx1', 'enx2', 'wwan0', 'enx-sim']) old.carry(name, 6);
    await old.metering.close();
    const names = async () => {
      const read = await readUsageFile(old.file);
      return read.kind === 'read' ? [...read.usage.keys()].sort() : [];
    };
    expect(await names()).toEqual(['enx-sim', 'enx1', 'enx2', 'wwan0']);
    for (const restart of [1, 2]) {
      const next = await planBed(
        old.file,
        new Map([['enx-sim', { settings: capped20, entryNames: ['enx-sim'] }]]),
      );
      next.metering.setUplinks(next.of('enx3'));
      expect(next.metering.meters[0]!.usage.month.receivedBytes, `${restart}`).toBe(12 * MB);
      await next.metering.close();
      expect(await names()).toEqual(['enx*', 'enx-sim', 'wwan0']);
    }
    const changed = await planBed(old.file);
    changed.metering.setUplinks(alone('wwan0'));
    changed.carry('wwan0', 1);
    changed.metering.setUplinks([{ name: 'wwan0', plan: 'data', metered: capped20 }]);
    changed.carry('wwan0', 2);
    expect(changed.metering.meters.map(({ name, usage }) => [name, usage.month.receivedBytes])).toEqual([
      ['data', 9 * MB],
    ]);
    await changed.metering.close();
    expect(await names()).toEqual(['data', 'enx*', 'enx-sim']);
  });

  it('is counted, and may carry what it can, where nothing is said of its costs', async () => {
    const { metering, carry, uses } = await planBed();
    metering.setUplinks([{ name: 'wwan0', plan: 'data' }, { name: 'eth0' }]);
    carry('wwan0', 5);
    expect(metering.meters.map(({ name, usage }) => [name, usage.day.receivedBytes])).toEqual([
      ['data', 5 * MB],
    ]);
    expect(uses).toEqual([]);
    await metering.close();
  });
});

/** Received this month, as the file has it. */
async function kept(file: string): Promise<number | undefined> {
  const read = await readUsageFile(file);
  return read.kind === 'read' ? read.usage.get('lte')?.month.receivedBytes : undefined;
}

describe('metering', () => {
  it('warns, then demotes at the cap within a quarter of a second, each once', async () => {
    const { metering, wire, uses, said, pass } = await bed();
    wire.receivedBytes = 80 * MB;
    pass(1_000);
    expect(said('warn')).toMatchObject([
      { msg: 'monthly cap nearly reached', uplink: 'lte', used: '80 MB of 100 MB', until: '2026-12-12' },
    ]);
    expect(uses).toEqual([]);
    wire.sentBytes = 20 * MB;
    pass(250);
    expect(uses).toEqual([['lte', 'backup', 'monthly cap reached, until 2026-12-12']]);
    pass(5_000);
    expect([uses.length, said('warn').length]).toEqual([1, 2]);
    await metering.close();
  });

  it('counts what an uplink has carried up to the moment at which it goes', async () => {
    const { metering, wire, uses } = await bed();
    wire.receivedBytes = 100 * MB;
    metering.setUplinks([]);
    metering.setUplinks([{ name: 'lte', metered: capped }]);
    expect(uses.map(([, use]) => use)).toEqual(['backup', 'normal', 'backup']);
    await metering.close();
  });

  it('does not say that a cap is no longer reached because the uplink has gone', async () => {
    const { metering, wire, uses, said, pass } = await bed();
    wire.receivedBytes = 200 * MB;
    pass(250);
    metering.setUplinks([]);
    expect(uses.map(([, use]) => use)).toEqual(['backup', 'normal']);
    expect(said('info').map(({ msg }) => msg)).toEqual(['metered uplink']);
    metering.setUplinks([{ name: 'lte', metered: capped }]);
    expect(uses.at(-1)).toEqual(['lte', 'backup', 'monthly cap reached, until 2026-12-12']);
    await metering.close();
  });

  it('uses the uplink again when the next period begins', async () => {
    const { metering, wire, clock, uses, pass } = await bed();
    wire.receivedBytes = 100 * MB;
    pass(250);
    clock.nowMs = Date.parse('2026-12-12T00:00Z');
    pass(250);
    expect(uses.map(([, use]) => use)).toEqual(['backup', 'normal']);
    await metering.close();
  });

  it('keeps the usage over a restart, and applies a cap that is reached before anything is dialled', async () => {
    const first = await bed();
    first.wire.receivedBytes = 100 * MB;
    first.pass(250);
    await first.metering.close();
    expect(await kept(first.file)).toBe(100 * MB);
    const second = await bed(first.file);
    expect(second.uses).toEqual([['lte', 'backup', 'monthly cap reached, until 2026-12-12']]);
    // Said once in a period.
    expect(second.said('warn').map(({ msg }) => msg)).toEqual(['monthly cap reached, until 2026-12-12']);
    await second.metering.close();
  });

  it('writes every few seconds, and for little every minute', async () => {
    const { metering, file, wire, pass } = await bed();
    wire.receivedBytes = 2 * MB;
    pass(4_000);
    expect(await kept(file)).toBeUndefined();
    pass(1_000);
    await eventually(async () => expect(await kept(file)).toBe(2 * MB));
    wire.receivedBytes += 1_000;
    pass(30_000);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await kept(file)).toBe(2 * MB);
    pass(31_000);
    await eventually(async () => expect(await kept(file)).toBe(2 * MB + 1_000));
    await metering.close();
  });

  it('adds up with another program on the same file', async () => {
    // The real time: a lock's age is told by the time that the file system put on it.
    const nowMs = Date.now();
    const one = await bed(undefined, capped, nowMs);
    const other = await bed(one.file, capped, nowMs);
    one.wire.receivedBytes = 60 * MB;
    other.wire.receivedBytes = 50 * MB;
    one.pass(250);
    await Promise.all([one.metering.close(), other.metering.close()]);
    expect(await kept(one.file)).toBe(110 * MB);
  });

  it('counts anew behind a damaged file, says so, and keeps it', async () => {
    const { metering, file } = await bed();
    await metering.close();
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, 'garbage');
    const again = await bed(file);
    expect(again.said('warn')).toMatchObject([{ file, kept: `${file}.damaged` }]);
    again.wire.receivedBytes = 5;
    await again.metering.close();
    expect(await readFile(`${file}.damaged`, 'utf8')).toBe('garbage');
    expect(await kept(file)).toBe(5);
  });

  it.skipIf(!IS_ROOT)('adds to a file that it may not read once it may, and says so before', async () => {
    const first = await bed();
    first.wire.receivedBytes = 40 * MB;
    await first.metering.close();
    for (const folder of ['.', '..']) await chown(join(first.file, '..', folder), NOBODY, NOBODY);
    await asUser(NOBODY, async () => {
      const { said, wire, pass } = await bed(first.file);
      expect(said('warn')).toMatchObject([
        { file: first.file, reason: expect.stringContaining('permission denied') },
      ]);
      wire.receivedBytes = 5 * MB;
      pass(60_000);
      await eventually(() => expect(said('error')).toHaveLength(1));
    });
    expect(await kept(first.file)).toBe(40 * MB);
    await chown(first.file, NOBODY, NOBODY);
    await asUser(NOBODY, async () => {
      const { said, wire, metering } = await bed(first.file);
      wire.receivedBytes = 5 * MB;
      await metering.close();
      expect(said('warn').filter(({ reason }) => reason !== undefined)).toEqual([]);
    });
    expect(await kept(first.file)).toBe(45 * MB);
  });

  it('goes on counting where nothing can be written, and complains once', async () => {
    const directory = await temporaryDirectory();
    await writeFile(join(directory, 'state'), 'in the way');
    const { metering, wire, uses, said, pass } = await bed(join(directory, 'state', USAGE_FILE_NAME));
    wire.receivedBytes = 100 * MB;
    for (let i = 0; i < 3; i++) {
      pass(6_000);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(uses).toHaveLength(1);
    await eventually(() => expect(said('error')).toHaveLength(1));
    await metering.close();
    expect(said('error')).toHaveLength(1);
  });

  it('says when the clock stands before the period that is counted', async () => {
    const first = await bed();
    first.wire.receivedBytes = 5;
    first.pass(250);
    await first.metering.close();
    const lines: string[] = [];
    const metering = await Metering.open({
      file: first.file,
      wires: { source: 'estimate', of: () => ({ read: () => ({ sentBytes: 0, receivedBytes: 0 }) }) },
      wallClock: () => 0,
      logger: createLogger({
        level: 'warn',
        format: 'json',
        isTty: false,
        destination: { write: (line) => lines.push(line) },
      }),
      plans: () => NO_PLANS,
      setUse: () => {},
    });
    metering.setUplinks([{ name: 'lte', metered: capped }]);
    expect(lines.join('')).toContain('the clock stands before the period');
    await metering.close();
    expect(await kept(first.file)).toBe(5);
  });

  it('touches no file and sets no timer without a metered uplink', async () => {
    const file = join(await temporaryDirectory(), 'state', USAGE_FILE_NAME);
    const metering = await Metering.open({
      file,
      wires: { source: 'kernel', of: () => ({ read: () => ({ sentBytes: 1, receivedBytes: 1 }) }) },
      wallClock: () => NOW,
      logger: createLogger({ level: 'info', format: 'json', isTty: false, destination: { write: () => {} } }),
      plans: () => NO_PLANS,
      setUse: () => {},
    });
    metering.setUplinks([{ name: 'dsl' }]);
    expect(vi.getTimerCount()).toBe(0);
    await metering.close();
    expect(await readUsageFile(file)).toEqual({ kind: 'absent' });
  });

  it('follows uplinks that come, go, and get other caps, and counts nothing twice', async () => {
    const { metering, file, wire, uses, pass } = await bed();
    wire.receivedBytes = 60 * MB;
    pass(250);
    metering.setUplinks([{ name: 'lte', metered: { ...capped, monthlyBytes: 50 * MB } }]);
    expect(uses.splice(0)).toEqual([['lte', 'backup', 'monthly cap reached, until 2026-12-12']]);
    metering.setUplinks([{ name: 'lte' }]);
    expect(uses.splice(0)).toEqual([['lte', 'normal', '']]);
    // Not metered meanwhile.
    wire.receivedBytes += 7 * MB;
    pass(1_000);
    metering.setUplinks([]);
    metering.setUplinks([{ name: 'lte', metered: capped }]);
    wire.receivedBytes += 1 * MB;
    pass(250);
    expect(metering.meters[0]!.caps[1]!.usage.receivedBytes).toBe(61 * MB);
    expect(uses).toEqual([]);
    await metering.close();
    expect(await kept(file)).toBe(61 * MB);
  });
});

it('counts on from what another program has added to the file meanwhile', async () => {
  const { metering, file, wire, pass } = await bed();
  wire.receivedBytes = 10 * MB;
  pass(250);
  const carried = {
    ...{ plan: { name: 'lte', settings: capped }, uplinkName: 'lte', plans: NO_PLANS },
    bytes: { sentBytes: MB, receivedBytes: 2 * MB },
  };
  expect(await addUsage(file, carried, () => NOW)).toEqual([]);
  expect(await addUsage(file, carried, () => NOW)).toEqual([]);
  await metering.close();
  const kept = await readUsageFile(file);
  expect(kept.kind === 'read' && kept.usage.get('lte')!.month).toMatchObject({
    ...{ sentBytes: 2 * MB, receivedBytes: 14 * MB },
  });
});
