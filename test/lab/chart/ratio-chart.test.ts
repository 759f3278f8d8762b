import { expect, test } from 'vitest';
import { ratioChart } from './ratio-chart.ts';
import { MARK } from './style.ts';
import { clashes, readShapes, readTexts } from './support/read-svg.ts';

const row = (label: string, colour: string, median: number, min: number, max: number) => ({
  ...{ label, colour, median, min, max },
});

test('the spread of a ratio is a line on its side of 1, and far ones end at the edge', () => {
  const svg = ratioChart({
    title: 'tributary over tributary@../old',
    subtitle: 'ratio',
    rows: [
      row('E1 bbr bulk-down, goodput over sum', '#111111', 1.05, 1.02, 1.08),
      row('F1/E1/a bbr bulk-down, rate over what is left', '#222222', 0.9, 0.8, 1),
      row('loopback, open p99 ms', '#333333', 2.5, 1.5, 9),
    ],
  });
  const spread = (colour: string) => {
    const xs = readShapes(svg, colour)[0]!.map(([x]) => x);
    return [Math.min(...xs), Math.max(...xs)];
  };
  const one = readShapes(svg, MARK)[0]![0]![0];
  const [low, high] = spread('#111111');
  expect(low).toBeGreaterThan(one);
  expect((low! - one) / (high! - one)).toBeCloseTo(0.25, 1);
  expect(spread('#222222')[1]).toBeCloseTo(one, -0.5);
  expect(spread('#333333')[1]).toBeLessThan(480);
  expect(clashes(svg)).toEqual([]);
  expect(readTexts(svg).map(({ content }) => content)).toEqual(
    expect.arrayContaining(['1.050', '0.900', '2.500', 'loopback, open p99 ms']),
  );
});

test('nothing to draw is drawn, too', () => {
  expect(ratioChart({ title: 't', subtitle: '', rows: [] })).not.toMatch(/NaN|Infinity/);
});
