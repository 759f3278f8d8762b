import { describe, expect, it } from 'vitest';
import { Meter } from '../../../client-proxy/metering/meter.ts';
import type { MeteredSettings } from '../../../client-proxy/metering/metered-settings.ts';
import type { UplinkUsage } from '../../../client-proxy/metering/usage.ts';
import { usageReport } from '../../../client-proxy/metering/usage-report.ts';

const MB = 1_000_000;
const at = (text: string) => Date.parse(text);
const NOW = at('2026-11-23T12:00Z');

const settings = (more: Partial<MeteredSettings> = {}): MeteredSettings => ({
  rateLimit: { downBytesPerSecond: 0, upBytesPerSecond: 0 },
  dailyBytes: 100 * MB,
  monthlyBytes: 1000 * MB,
  billingDay: 12,
  timeZone: 'UTC',
  atCap: 'backup',
  warnAtShare: 0.75,
  ...more,
});

function usageOf({ caps }: Meter): UplinkUsage {
  const [day, month] = caps;
  return { day: day!.usage, month: month!.usage };
}

function used(meter: Meter) {
  const { day, month } = usageOf(meter);
  return { day: day.sentBytes + day.receivedBytes, month: month.sentBytes + month.receivedBytes };
}

/** As a file would bring it to the next program. */
function saved(meter: Meter, nowMs: number, stored?: UplinkUsage): UplinkUsage {
  const result = meter.save(stored, nowMs);
  result.saved();
  return result.usage;
}

describe('a meter', () => {
  it('counts both directions together, by day and by billing month', () => {
    const meter = new Meter('lte', settings(), undefined, NOW);
    meter.add(10 * MB, 20 * MB, NOW);
    meter.add(1, 2, at('2026-11-23T23:59:59Z'));
    expect(used(meter)).toEqual({ day: 30 * MB + 3, month: 30 * MB + 3 });
    meter.add(5, 0, at('2026-11-24T00:00Z'));
    expect(used(meter)).toEqual({ day: 5, month: 30 * MB + 8 });
    meter.add(7, 0, at('2026-12-12T00:00Z'));
    expect(used(meter)).toEqual({ day: 7, month: 7 });
  });

  it('warns once in a period', () => {
    const meter = new Meter('lte', settings(), undefined, NOW);
    expect(meter.add(0, 75 * MB - 1, NOW)).toEqual([]);
    expect(meter.add(0, 1, NOW)).toEqual([
      { kind: 'day', usedBytes: 75 * MB, capBytes: 100 * MB, untilDate: '2026-11-24' },
    ]);
    expect(meter.add(0, 1, NOW)).toEqual([]);
    const again = new Meter('lte', settings(), saved(meter, NOW), NOW);
    expect(again.add(0, 1, NOW)).toEqual([]);
    expect(again.add(0, 80 * MB, at('2026-11-24T01:00Z'))).toHaveLength(1);
  });

  it('takes the uplink out of use at a cap, and lets it in again with the next period', () => {
    const meter = new Meter('lte', settings(), undefined, NOW);
    meter.add(0, 100 * MB - 1, NOW);
    expect(meter.verdict.use).toBe('normal');
    meter.add(0, 1, NOW);
    expect(meter.verdict).toEqual({ use: 'backup', reason: 'daily cap reached, until 2026-11-24' });
    meter.add(0, 0, at('2026-11-24T00:00Z'));
    expect(meter.verdict).toEqual({ use: 'normal', reason: '' });
    meter.add(0, 950 * MB, at('2026-11-24T00:01Z'));
    expect(meter.verdict.reason).toBe('monthly cap reached, until 2026-12-12');
    meter.add(0, 0, at('2026-12-11T23:59Z'));
    expect(meter.verdict.use).toBe('backup');
    meter.add(0, 0, at('2026-12-12T00:00Z'));
    expect(meter.verdict.use).toBe('normal');
  });

  it('stops it where that is wanted, and never without a cap', () => {
    const stopping = new Meter('lte', settings({ atCap: 'stop' }), undefined, NOW);
    stopping.add(0, 100 * MB, NOW);
    expect(stopping.verdict.use).toBe('stopped');
    const { dailyBytes: _, monthlyBytes: __, ...uncapped } = settings();
    const free = new Meter('lte', uncapped, undefined, NOW);
    expect(free.add(0, 1e15, NOW)).toEqual([]);
    expect(free.verdict.use).toBe('normal');
  });
});

describe('the clock', () => {
  it('set back opens no period and wipes nothing, before and after a restart', () => {
    const meter = new Meter('lte', settings(), undefined, NOW);
    meter.add(0, 100 * MB, NOW);
    for (const back of ['2026-11-22T00:00Z', '2026-11-01T00:00Z', '1970-01-01T00:00Z']) {
      meter.add(0, 1, at(back));
      expect(meter.verdict.use).toBe('backup');
      const again = new Meter('lte', settings(), saved(meter, at(back)), at(back));
      again.add(0, 1, at(back));
      expect(used(again).month).toBeGreaterThan(100 * MB);
      expect(again.verdict.reason).toBe('daily cap reached, until 2026-11-24');
      expect(again.isClockBehind(at(back))).toBe(true);
    }
    // And right again: still the same periods.
    meter.add(0, 0, NOW);
    expect(used(meter)).toEqual({ day: 100 * MB + 3, month: 100 * MB + 3 });
  });

  it('set forward into the next period opens it once, however often it goes to and fro', () => {
    const meter = new Meter('lte', settings(), undefined, NOW);
    meter.add(0, 900 * MB, NOW);
    meter.add(0, 10, at('2026-12-13T00:00Z'));
    expect(used(meter).month).toBe(10);
    for (let i = 0; i < 3; i++) {
      meter.add(0, 10, NOW);
      meter.add(0, 10, at('2026-12-13T00:00Z'));
    }
    expect(used(meter).month).toBe(70);
    meter.add(0, 5, at('2027-01-12T00:00Z'));
    expect(used(meter).month).toBe(5);
  });
});

describe('another configuration', () => {
  it('of the billing day keeps what was counted, and ends the period where it now ends', () => {
    const meter = new Meter('lte', settings({ billingDay: 1 }), undefined, NOW);
    meter.add(0, 900 * MB, NOW);
    const changed = new Meter('lte', settings({ billingDay: 12 }), saved(meter, NOW), NOW);
    expect(used(changed).month).toBe(900 * MB);
    changed.add(0, 1, at('2026-12-05T00:00Z'));
    expect(used(changed).month).toBe(900 * MB + 1);
    changed.add(0, 1, at('2026-12-12T00:00Z'));
    expect(used(changed).month).toBe(1);
  });

  it('while it runs does the same, also between what is saved, and swallows no warning', () => {
    const meter = new Meter('lte', settings({ billingDay: 1 }), undefined, NOW);
    meter.add(0, 30 * MB, NOW);
    const writing = meter.save(undefined, NOW);
    meter.configure(settings({ billingDay: 12, dailyBytes: 40 * MB }), NOW);
    writing.saved();
    expect(meter.unsavedBytes).toBe(0);
    expect(meter.add(0, 1, NOW)).toMatchObject([{ kind: 'day', capBytes: 40 * MB }]);
    meter.add(0, 1, at('2026-12-05T00:00Z'));
    expect(used(meter).month).toBe(30 * MB + 2);
    expect(saved(meter, NOW, writing.usage).month.receivedBytes).toBe(30 * MB + 2);
  });

  it('of a cap that is raised has its own warning, also over a restart and beside another program', () => {
    const due = [{ kind: 'day', usedBytes: 150 * MB, capBytes: 200 * MB }];
    const raised = settings({ dailyBytes: 200 * MB });
    const meter = new Meter('lte', settings(), undefined, NOW);
    expect(meter.add(0, 80 * MB, NOW)).toHaveLength(1);
    const stored = saved(meter, NOW);
    const restarted = new Meter('lte', raised, stored, NOW);
    expect(restarted.add(0, 0, NOW)).toEqual([]);
    expect(restarted.add(0, 70 * MB, NOW)).toMatchObject(due);
    expect(restarted.add(0, 1, NOW)).toEqual([]);

    meter.configure(raised, NOW);
    expect(meter.add(0, 10 * MB, NOW)).toEqual([]);
    const again = saved(meter, NOW, stored);
    expect(again.day).toMatchObject({ receivedBytes: 90 * MB, isWarned: false });
    expect(meter.add(0, 60 * MB, NOW)).toMatchObject(due);
    expect(meter.add(0, 1, NOW)).toEqual([]);
    // What was said of the cap as it is now is not said again.
    expect(saved(meter, NOW, again).day.isWarned).toBe(true);
  });

  it('of the cap holds for what was counted before', () => {
    const meter = new Meter('lte', settings(), undefined, NOW);
    meter.add(0, 50 * MB, NOW);
    const lower = new Meter('lte', settings({ dailyBytes: 10 * MB }), saved(meter, NOW), NOW);
    expect(lower.verdict.use).toBe('backup');
  });
});

describe('what is saved', () => {
  it('is all that was counted, and what is counted meanwhile comes with the next time', () => {
    const meter = new Meter('lte', settings(), undefined, NOW);
    meter.add(10, 20, NOW);
    const first = meter.save(undefined, NOW);
    meter.add(1, 2, NOW);
    first.saved();
    expect([meter.unsavedBytes, used(meter).month]).toEqual([3, 33]);
    expect(saved(meter, NOW, first.usage).month).toMatchObject({ sentBytes: 11, receivedBytes: 22 });
    expect(meter.unsavedBytes).toBe(0);
  });

  it('is not lost when the file could not be written', () => {
    const meter = new Meter('lte', settings(), undefined, NOW);
    const stored = saved(meter, NOW);
    meter.add(0, 30, NOW);
    meter.save(stored, NOW);
    meter.add(0, 1, NOW);
    expect(saved(meter, NOW, stored).month.receivedBytes).toBe(31);
  });

  it('adds up with what another program has written', () => {
    const [one, other] = [1, 2].map(() => new Meter('lte', settings(), undefined, NOW));
    one!.add(0, 60 * MB, NOW);
    other!.add(0, 50 * MB, NOW);
    let stored = saved(one!, NOW);
    stored = saved(other!, NOW, stored);
    expect([used(other!).day, other!.verdict.use]).toEqual([110 * MB, 'backup']);
    one!.add(0, 1, NOW);
    saved(one!, NOW, stored);
    expect([used(one!).day, one!.verdict.use]).toEqual([110 * MB + 1, 'backup']);
  });

  it('of a new period replaces the old one, and of an old one does not undo a new one', () => {
    const meter = new Meter('lte', settings(), undefined, NOW);
    meter.add(0, 900 * MB, NOW);
    const stored = saved(meter, NOW);
    const next = at('2026-12-12T00:00Z');
    meter.add(0, 5, next);
    expect(saved(meter, next, stored).month.receivedBytes).toBe(5);
    const late = new Meter('lte', settings(), stored, NOW);
    late.add(0, 7, NOW);
    expect(saved(late, NOW, usageOf(meter)).month).toMatchObject({ receivedBytes: 12 });
  });

  it('of a period that ended while it was written stays out of the next one', () => {
    const meter = new Meter('lte', settings(), undefined, NOW);
    meter.add(0, 900 * MB, NOW);
    const writing = meter.save(undefined, NOW);
    const next = at('2026-12-12T00:00Z');
    meter.add(0, 5, next);
    writing.saved();
    expect(used(meter)).toEqual({ day: 5, month: 5 });
    expect(saved(meter, next, writing.usage).month.receivedBytes).toBe(5);
  });
});

describe('the report', () => {
  it('says what is used of each cap, the rates, and what happens at the cap', () => {
    const rateLimit = { downBytesPerSecond: 1_250_000, upBytesPerSecond: 250_000 };
    const meter = new Meter('lte', settings(), undefined, NOW);
    meter.add(0, 18_240_000, NOW);
    expect(usageReport(settings({ rateLimit }), meter)).toBe(
      '18.2 MB of 100 MB today (18 %), 18.2 MB of 1 GB since 2026-11-12 (1 %), ' +
        'at most 10Mbit/s down, at most 2Mbit/s up, at the daily or monthly cap: backup',
    );
    meter.add(0, 90 * MB, NOW);
    const stopping = settings({ atCap: 'stop' });
    expect(usageReport(stopping, new Meter('lte', stopping, usageOf(meter), NOW))).toContain(
      'stopped: daily cap reached, until 2026-11-24',
    );
    expect(usageReport(settings(), new Meter('lte', settings(), undefined, NOW))).toContain(
      '0 B of 100 MB today (0 %)',
    );
  });
});
