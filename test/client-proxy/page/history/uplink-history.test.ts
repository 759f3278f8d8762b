import { describe, expect, it } from 'vitest';
import { UplinkHistory } from '../../../../client-proxy/page/history/uplink-history.ts';

const START_MS = 1_700_000_000_000;

describe('the history of the uplinks', () => {
  it('has the rates between two samples, of the direct connections and of the others together', () => {
    const history = new UplinkHistory();
    history.add(START_MS, START_MS, [['dsl', { sentBytes: 9_000, receivedBytes: 70_000 }]]);
    expect(history.seconds.report()).toEqual({ times: [], uplinks: [] });
    history.add(START_MS + 2_000, START_MS + 2_000, [
      ['dsl', { sentBytes: 9_250, receivedBytes: 71_000 }],
      ['dsl', { sentBytes: 0, receivedBytes: 1_000 }],
    ]);
    expect(history.rateOf('dsl')).toEqual({ down: 8_000, up: 1_000 });
    expect(history.rateOf('lte')).toEqual({ down: 0, up: 0 });
    expect(history.seconds.report()).toEqual({
      times: [START_MS + 2_000],
      uplinks: [{ name: 'dsl', down: [8_000], up: [1_000] }],
    });
  });

  it('keeps an hour, in order, and answers with what is new', () => {
    const history = new UplinkHistory();
    for (let i = 0; i <= 4_000; i += 1)
      history.add(START_MS + i * 1_000, START_MS + i * 1_000, [
        ['dsl', { sentBytes: 0, receivedBytes: i * 125 }],
      ]);
    const { times, uplinks } = history.seconds.report();
    expect(times).toHaveLength(3_600);
    expect(times).toEqual([...times].sort((one, other) => one - other));
    expect([times.at(-1), history.lastMs]).toEqual([START_MS + 4_000_000, START_MS + 4_000_000]);
    expect(new Set(uplinks[0]!.down)).toEqual(new Set([1_000]));
    expect(history.seconds.report(START_MS + 3_997_000).uplinks[0]!.down).toEqual([1_000, 1_000, 1_000]);
  });

  it('tells of uplinks that carried something, and forgets those that were there once', () => {
    const history = new UplinkHistory();
    const silent = Array.from(
      { length: 64 },
      (_, i) => [`usb${i}`, { sentBytes: 1, receivedBytes: 0 }] as const,
    );
    for (let i = 0; i <= 3_700; i += 1)
      history.add(START_MS + i * 1_000, START_MS + i * 1_000, [
        ...silent,
        ['dsl', { sentBytes: 0, receivedBytes: i * 125 }],
      ]);
    const report = history.seconds.report();
    expect(report.uplinks.map(({ name }) => name)).toEqual(['dsl']);
    expect(JSON.stringify(report).length).toBeLessThan(100_000);
  });

  it('knows the most of the last half minute', () => {
    const history = new UplinkHistory();
    let receivedBytes = 0;
    for (let i = 0; i <= 40; i += 1) {
      receivedBytes += i === 5 ? 1_000_000 : i === 20 ? 2_000 : 1_000;
      history.add(START_MS + i * 1_000, START_MS + i * 1_000, [['dsl', { sentBytes: 0, receivedBytes }]]);
    }
    expect(history.peakOf('dsl')).toEqual({ down: 16_000, up: 0 });
  });

  it('counts what came while the machine slept for no second, and forgets what has not been yet when the clock is set back', () => {
    const history = new UplinkHistory();
    const add = (atMs: number, receivedBytes: number) =>
      history.add(START_MS + atMs, START_MS + atMs, [['dsl', { sentBytes: 0, receivedBytes }]]);
    add(0, 0);
    add(1_000, 1_000);
    add(3_600_000, 900_000_000);
    expect(history.seconds.report().uplinks[0]!.down).toEqual([8_000, 0]);
    add(10_000, 900_000_000);
    add(11_000, 900_001_000);
    expect(history.seconds.report()).toEqual({
      times: [START_MS + 1_000, START_MS + 11_000],
      uplinks: [{ name: 'dsl', down: [8_000, 8_000], up: [0, 0] }],
    });
  });

  it.each([-5_000, -950, -1, 0, 400, 5_000, 3_600_000])(
    'has the right rates after the clock was set by %d ms',
    (stepMs) => {
      const history = new UplinkHistory();
      for (let i = 0; i <= 20; i += 1) {
        const monotonicMs = 77 + i * 1_000;
        history.add(START_MS + i * 1_000 + (i > 10 ? stepMs : 0), monotonicMs, [
          ['dsl', { sentBytes: 0, receivedBytes: i * 125_000 }],
        ]);
        if (i > 0) expect([history.rateOf('dsl').down, history.peakOf('dsl').down]).toEqual([1e6, 1e6]);
      }
      const { times } = history.seconds.report();
      expect(times).toEqual([...new Set(times)].sort((one, other) => one - other));
    },
  );

  it('has the mean of each minute that is over, a day of them', () => {
    const history = new UplinkHistory();
    const startMs = Math.ceil(START_MS / 60_000) * 60_000 - 30_000;
    let receivedBytes = 0;
    for (let i = 0; i <= 90 + 60 * 1_500; i += 1) {
      receivedBytes += i <= 30 ? 750_000 : i <= 90 ? 125_000 : 1_250;
      history.add(startMs + i * 1_000, startMs + i * 1_000, [['dsl', { sentBytes: 0, receivedBytes }]]);
      // Half a minute of 6 Mbit/s, then one of 1 Mbit/s.
      if (i === 29) expect(history.minutes.report().times).toEqual([]);
      if (i === 90) {
        const { times, uplinks } = history.minutes.report();
        expect(times).toEqual([startMs + 30_000, startMs + 90_000]);
        expect(uplinks[0]!.down.map((rate) => Math.round(rate / 1_000))).toEqual([3_000, 1_000]);
      }
    }
    const { times, uplinks } = history.minutes.report();
    expect(times).toHaveLength(1_440);
    expect(new Set(uplinks[0]!.down)).toEqual(new Set([10_000]));
  });
});
