import { expect, test } from 'vitest';
import { MARK } from '../lab/chart/style.ts';
import { readShapes, readTexts } from '../lab/chart/support/read-svg.ts';
import { pictures } from './pictures.ts';
import { Summary } from './summary.ts';
import { record } from './support/records.ts';

test('one summary for each direction and kind of hosts, with one bar for all single uplinks', () => {
  const found = pictures(
    new Summary([
      record({ overSum: 0.94 }),
      record({ overSum: 0.3 }, { contestant: 'single:a' }),
      record({ overSum: 0.47 }, { contestant: 'single:b' }),
      record({ overSum: 0.9 }, { scenario: 'E4' }),
      record({ overSum: 0.8 }, { workload: 'bulk-up', hosts: 'cubic' }),
      record({ p50Ms: 50 }, { workload: 'fetch-10k' }),
    ]),
  );
  expect([...found.keys()]).toEqual(['summary-bulk-down-bbr', 'summary-bulk-up-cubic']);
  const svg = found.get('summary-bulk-down-bbr')!;
  const texts = readTexts(svg).map(({ content }) => content);
  // A bar each, with its value, and one entry of the legend for all places.
  for (const text of ['0.94', '0.90', '0.47', 'tributary', 'best single uplink'])
    expect(texts.filter((content) => content === text)).toHaveLength(1);
  expect(texts).not.toContain('0.3');
});

test('a fault: the run in the middle of each contestant, with marks where something happened', () => {
  const fault = (longestGapMs: number, mbps: number, contestant = 'tributary') =>
    record(
      { longestGapMs },
      {
        contestant,
        scenario: 'F1/E1/a',
        trace: { buckets: Array(100).fill(mbps * 1250), stepsAtMs: [500] },
      },
    );
  const found = pictures(
    new Summary([fault(100, 10), fault(300, 40), fault(200, 20), fault(900, 30, 'kernel-mptcp')]),
  );
  expect([...found.keys()]).toEqual(['F1/E1/a-bbr-bulk-down']);
  const svg = found.get('F1/E1/a-bbr-bulk-down')!;
  const [ours, theirs] = ['#1f6feb', '#d9822b'].map((colour) => readShapes(svg, colour));
  expect([ours!.length, theirs!.length]).toEqual([1, 1]);
  expect(ours![0]).toHaveLength(10);
  expect(readShapes(svg, MARK)).toHaveLength(1);
  // Of 20 and 30 Mbit/s, above the lower edge of the plot.
  const [[, bottom]] = readShapes(svg, MARK)[0]!.slice(-1) as [[number, number]];
  const height = (line: (readonly [number, number])[]) => bottom - line[0]![1];
  expect(height(ours![0]!) / height(theirs![0]!)).toBeCloseTo(2 / 3);
});
