import { describe, expect, it } from 'vitest';
import { BillingCalendar, isTimeZone } from '../../../client-proxy/metering/billing-calendar.ts';

const iso = (ms: number) => new Date(ms).toISOString();

function period(kind: 'day' | 'month', at: string, billingDay = 1, timeZone = 'UTC'): string[] {
  const { startMs, endMs } = new BillingCalendar({ billingDay, timeZone }).at(kind, Date.parse(at));
  return [iso(startMs), iso(endMs)].map((text) => text.replace(/:00\.000Z$/, 'Z'));
}

describe('billing months', () => {
  it.each([
    ['2026-11-12T00:00Z', 12, '2026-11-12T00:00Z', '2026-12-12T00:00Z'],
    ['2026-11-11T23:59:59.999Z', 12, '2026-10-12T00:00Z', '2026-11-12T00:00Z'],
    ['2026-01-05T10:00Z', 12, '2025-12-12T00:00Z', '2026-01-12T00:00Z'],
    ['2026-12-31T23:59Z', 1, '2026-12-01T00:00Z', '2027-01-01T00:00Z'],
  ])('%s is, with day %d, in %s to %s', (at, day, start, end) => {
    expect(period('month', at, day)).toEqual([start, end]);
  });

  it.each([
    ['2026-02-15T12:00Z', '2026-01-31T00:00Z', '2026-02-28T00:00Z'],
    ['2026-02-28T00:00Z', '2026-02-28T00:00Z', '2026-03-31T00:00Z'],
    ['2028-02-28T23:59Z', '2028-01-31T00:00Z', '2028-02-29T00:00Z'],
    ['2028-02-29T00:00Z', '2028-02-29T00:00Z', '2028-03-31T00:00Z'],
    ['2026-04-30T00:00Z', '2026-04-30T00:00Z', '2026-05-31T00:00Z'],
    ['2026-12-31T00:00Z', '2026-12-31T00:00Z', '2027-01-31T00:00Z'],
  ])('on the 31st begin in shorter months on the last day: %s', (at, start, end) => {
    expect(period('month', at, 31)).toEqual([start, end]);
  });

  it('on the 29th begin on the 28th of a February that has no more', () => {
    expect(period('month', '2026-03-01T00:00Z', 29)).toEqual(['2026-02-28T00:00Z', '2026-03-29T00:00Z']);
    expect(period('month', '2028-03-01T00:00Z', 29)).toEqual(['2028-02-29T00:00Z', '2028-03-29T00:00Z']);
  });

  it('begin at midnight of their zone, whether summer time has begun or not', () => {
    const [start, end] = period('month', '2026-04-01T12:00Z', 28, 'Europe/Berlin');
    expect([start, end]).toEqual(['2026-03-27T23:00Z', '2026-04-27T22:00Z']);
    expect(period('month', '2026-03-27T22:59Z', 28, 'Europe/Berlin')[1]).toBe(start);
  });

  it.each([1, 15, 28, 29, 30, 31])('with day %d follow each other without a gap for years', (billingDay) => {
    for (const timeZone of ['UTC', 'Europe/Berlin', 'Pacific/Kiritimati', 'America/St_Johns']) {
      const calendar = new BillingCalendar({ billingDay, timeZone });
      let { startMs, endMs } = calendar.at('month', Date.UTC(2027, 0, 15));
      for (let month = 0; month < 26; month++) {
        expect(calendar.at('month', endMs - 1)).toEqual({ startMs, endMs });
        const next = calendar.at('month', endMs);
        expect(next.startMs).toBe(endMs);
        ({ startMs, endMs } = next);
        expect((endMs - startMs) / 86_400_000).toBeGreaterThan(27.9);
        expect((endMs - startMs) / 86_400_000).toBeLessThan(31.1);
      }
    }
  });
});

describe('days', () => {
  it.each([
    ['2026-03-29T12:00Z', 'Europe/Berlin', 23, '2026-03-28T23:00Z'],
    ['2026-10-25T12:00Z', 'Europe/Berlin', 25, '2026-10-24T22:00Z'],
    ['2026-06-01T12:00Z', 'Europe/Berlin', 24, '2026-05-31T22:00Z'],
    // The clocks go forward at midnight: the day begins at one.
    ['2018-11-04T12:00Z', 'America/Sao_Paulo', 23, '2018-11-04T03:00Z'],
    // A zone moved over the date line: there was no 30th.
    ['2011-12-31T00:00Z', 'Pacific/Apia', 24, '2011-12-30T10:00Z'],
    ['2026-06-01T12:00Z', 'Asia/Kathmandu', 24, '2026-05-31T18:15Z'],
  ])('%s in %s has %d hours', (at, timeZone, hours, start) => {
    const [from, to] = period('day', at, 1, timeZone);
    expect(from).toBe(start);
    expect((Date.parse(to!) - Date.parse(from!)) / 3_600_000).toBe(hours);
  });
});

it('dates are those of the zone', () => {
  const calendar = new BillingCalendar({ billingDay: 1, timeZone: 'Pacific/Auckland' });
  expect(calendar.dateText(Date.parse('2026-12-11T12:00Z'))).toBe('2026-12-12');
});

it('the system has a zone of its own where none is named', () => {
  const { startMs } = new BillingCalendar({ billingDay: 1 }).at('day', Date.parse('2026-06-15T12:00Z'));
  expect(startMs).toBe(new Date(2026, 5, new Date(Date.parse('2026-06-15T12:00Z')).getDate()).getTime());
});

it('zones go by their names in the IANA database', () => {
  expect(['UTC', 'Europe/Berlin', 'Etc/GMT+5'].filter((name) => !isTimeZone(name))).toEqual([]);
  expect(['Europe/Berlun', '', 'CET+1', '+02:00', '-05', '+0530'].filter(isTimeZone)).toEqual([]);
});
