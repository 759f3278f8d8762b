import { describe, expect, it } from 'vitest';
import { parseTimeSpan, WallClocks } from '../../../client-proxy/schedule/time-span.ts';

describe('parseTimeSpan', () => {
  it.each([
    ['18:00-23:00', { fromMinute: 1080, toMinute: 1380 }],
    ['22:00 - 06:30', { fromMinute: 1320, toMinute: 390 }],
    ['0:00-24:00', { fromMinute: 0, toMinute: 1440 }],
    ['mon-fri 18:00-23:00 Europe/Berlin', { days: [1, 2, 3, 4, 5], timeZone: 'Europe/Berlin' }],
    ['sat,sun 00:00-24:00', { days: [0, 6] }],
    ['fri-mon,wed 8:00-9:00 UTC', { days: [0, 1, 3, 5, 6], timeZone: 'UTC' }],
    ['Mon - Fri, SUN 18:00-23:00 UTC', { days: [0, 1, 2, 3, 4, 5], timeZone: 'UTC' }],
    ['tue 8:00-9:00 Etc/GMT+5', { days: [2], timeZone: 'Etc/GMT+5' }],
  ])('%s', (text, expected) => expect(parseTimeSpan(text)).toMatchObject({ text, ...expected }));

  it.each([
    '18:00',
    '18-23',
    '18:00-18:00',
    '24:00-06:00',
    '25:00-26:00',
    '18:60-19:00',
    '18:00-24:01',
    'mo 18:00-19:00',
    'mon- 18:00-19:00',
    'mon-tue-wed 18:00-19:00',
    '18:00-19:00 Mars/Base',
    '18:00-19:00 Europe/Berlin UTC',
    '',
    ', 18:00-19:00',
    'mon, 18:00-19:00',
    'mon 18:00 19:00',
  ])('refuses "%s"', (text) => expect(parseTimeSpan(text)).toBeUndefined());

  it.each([
    ['mo-fr 18:00-23:00', 'no day is called "mo": days are sun, mon, tue, wed, thu, fri, sat'],
    ['Monday 18:00-23:00', 'no day is called "monday": days are sun, mon, tue, wed, thu, fri, sat'],
    ['mon-wed-fri 18:00-23:00', '"mon-wed-fri" is no list of days, such as mon-fri or sat,sun'],
    ['25:00-26:00', '"25:00" is no time of day from 00:00 to 23:59'],
    ['24:00-06:00', '"24:00" is no time of day from 00:00 to 23:59'],
    ['18:00-24:30', '"24:30" is no time of day from 00:00 to 24:00'],
    ['00:00-00:00', 'it ends where it begins: a whole day is 00:00-24:00'],
    [
      '18:00-23:00 Europe/Berln',
      'no time zone is called "Europe/Berln": names are such as Europe/Berlin or UTC',
    ],
    ['18:00-23:00 +02:00', 'no time zone is called "+02:00": names are such as Europe/Berlin or UTC'],
    ['18-23', undefined],
    ['in the evening', undefined],
    ['fri 22:00-sat 06:00', undefined],
  ])('says what is wrong with "%s"', (text, expected) => {
    let mistake: string | undefined;
    parseTimeSpan(text, (what) => {
      mistake = what;
    });
    expect(mistake).toBe(expected);
  });
});

describe('WallClocks', () => {
  /** Whether the moment, in UTC, falls into the span. */
  const isIn = (text: string, moment: string) =>
    new WallClocks().isIn([parseTimeSpan(text)!], Date.parse(moment));

  it.each([
    ['18:00-23:00 UTC', '2026-11-29T17:59:59Z', false],
    ['18:00-23:00 UTC', '2026-11-29T18:00:00Z', true],
    ['18:00-23:00 UTC', '2026-11-29T22:59:59Z', true],
    ['18:00-23:00 UTC', '2026-11-29T23:00:00Z', false],
    // Over midnight; days are those on which it begins. 2026-11-29 is a Sunday.
    ['22:00-06:00 UTC', '2026-11-29T23:00:00Z', true],
    ['22:00-06:00 UTC', '2026-11-30T05:59:00Z', true],
    ['22:00-06:00 UTC', '2026-11-30T06:00:00Z', false],
    ['sun 22:00-06:00 UTC', '2026-11-30T05:00:00Z', true],
    ['sun 22:00-06:00 UTC', '2026-11-29T05:00:00Z', false],
    ['mon-fri 22:00-06:00 UTC', '2026-11-29T23:00:00Z', false],
    ['sat 00:00-24:00 UTC', '2026-11-28T23:59:59Z', true],
    ['sat 00:00-24:00 UTC', '2026-11-29T00:00:00Z', false],
    // The zone's clocks, not ours: UTC+1, UTC-5, UTC+5:45.
    ['18:00-23:00 Europe/Berlin', '2026-11-29T17:00:00Z', true],
    ['18:00-23:00 America/New_York', '2026-11-29T22:59:00Z', false],
    ['18:00-23:00 America/New_York', '2026-11-29T23:00:00Z', true],
    ['18:00-23:00 Asia/Kathmandu', '2026-11-29T12:15:00Z', true],
    ['18:00-23:00 Asia/Kathmandu', '2026-11-29T12:14:00Z', false],
    // Summer time begins: 02:00 to 03:00 is skipped. It is 01:59, then 03:00.
    ['02:00-03:00 Europe/Berlin', '2026-03-29T00:59:00Z', false],
    ['02:00-03:00 Europe/Berlin', '2026-03-29T01:00:00Z', false],
    ['01:30-03:30 Europe/Berlin', '2026-03-29T01:00:00Z', true],
    // It ends: 02:00 to 03:00 comes twice.
    ['02:00-03:00 Europe/Berlin', '2026-10-25T00:30:00Z', true],
    ['02:00-03:00 Europe/Berlin', '2026-10-25T01:30:00Z', true],
    ['02:00-03:00 Europe/Berlin', '2026-10-25T02:00:00Z', false],
  ])('%s at %s: %s', (text, moment, expected) => expect(isIn(text, moment)).toBe(expected));

  it('goes by the clocks of the system where no zone is said', () => {
    const noon = new Date(2026, 10, 29, 12).getTime();
    expect(new WallClocks().isIn([parseTimeSpan('11:59-12:01')!], noon)).toBe(true);
    expect(new WallClocks().isIn([parseTimeSpan('12:01-11:59')!], noon)).toBe(false);
  });

  it('takes any of several spans', () => {
    const spans = ['08:00-09:00 UTC', '18:00-19:00 UTC'].map((text) => parseTimeSpan(text)!);
    const hours = [7, 8, 9, 18, 19].map((hour) => new WallClocks().isIn(spans, hour * 3_600_000));
    expect(hours).toEqual([false, true, false, true, false]);
  });
});
