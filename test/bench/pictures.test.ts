import { expect, test } from 'vitest';
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
  // The background, three bars, two in the legend.
  expect(svg.match(/<rect /g)).toHaveLength(6);
  expect(svg).toContain('>0.47<');
  expect(svg).not.toContain('>0.3<');
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
  const lines = [...svg.matchAll(/<polyline .*? points="([^"]+)"/g)].map(([, points]) => points!.split(' '));
  expect(lines.map((points) => points.length)).toEqual([10, 10]);
  expect(svg.match(/stroke-dasharray/g)).toHaveLength(1);
  // 20 of at most 50 Mbit/s, where the plot is 64 to 312 high.
  expect(lines[0]![0]).toBe('60,212.8');
});
