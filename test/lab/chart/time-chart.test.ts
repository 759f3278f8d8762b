import { expect, test } from 'vitest';
import { MARK } from './style.ts';
import { clashes, readShapes, readTexts } from './support/read-svg.ts';
import { timeChart } from './time-chart.ts';

const titles = { title: 't', subtitle: 'Mbit/s', xLabel: 'seconds' };

test('lines go through their points, and a mark stands where something happened', () => {
  const points = [
    [0, 0],
    [5, 40],
    [10, 10],
  ] as const;
  const svg = timeChart({
    ...titles,
    series: [{ label: 'ours', colour: '#123456', points }],
    marks: [{ x: 5 }],
  });
  const [[low, high, last]] = readShapes(svg, '#123456') as [[number, number][]];
  // A quarter of the way down again.
  expect((low![1] - last![1]) / (low![1] - high![1])).toBeCloseTo(0.25);
  expect((high![0] - low![0]) / (last![0] - low![0])).toBeCloseTo(0.5);
  const [mark, ...rest] = readShapes(svg, MARK);
  expect(rest).toEqual([]);
  expect(mark!.map(([x]) => x)).toEqual([expect.closeTo(high![0], -0.5), expect.closeTo(high![0], -0.5)]);
  expect(clashes(svg)).toEqual([]);
});

test('layers stand on each other, and strips of their colours above them where one could not be', () => {
  const points = (...values: number[]) => values.map((value, index) => [index, value] as const);
  const svg = timeChart({
    ...titles,
    isStacked: true,
    series: [
      { label: 'a', colour: '#111111', points: points(1, 1, 1) },
      { label: 'b', colour: '#222222', points: points(1, 4, 1) },
    ],
    absences: [{ label: 'b', fromX: 0, toX: 1 }],
  });
  const [lower] = readShapes(svg, '#111111');
  const upper = readShapes(svg, '#222222')[0];
  const strip = readShapes(svg, '#222222').at(-1);
  const top = (corners: readonly (readonly [number, number])[]) => Math.min(...corners.map(([, y]) => y));
  const bottom = Math.max(...lower!.map(([, y]) => y));
  expect((bottom - top(upper!)) / (bottom - top(lower!))).toBeCloseTo(5);
  const [left, right] = [Math.min, Math.max].map((most) => most(...strip!.map(([x]) => x)));
  const [plotLeft, plotRight] = [Math.min, Math.max].map((most) => most(...lower!.map(([x]) => x)));
  expect(left).toBeCloseTo(plotLeft!, 0);
  expect(right).toBeCloseTo((plotLeft! + plotRight!) / 2, 0);
  expect(top(strip!)).toBeLessThan(top(upper!));
});

test('labels of marks do not meet, however close the marks are', () => {
  const labels = ['10 Mbit/s wanted', 'all gone', 'back', 'all that can be had', 'the last of a long series'];
  const svg = timeChart({
    ...titles,
    series: [
      {
        label: 'a',
        colour: '#111111',
        points: [
          [0, 0],
          [60.3, 25],
        ],
      },
    ],
    marks: labels.map((label, index) => ({ x: 40 + 5 * index, label })),
  });
  expect(clashes(svg)).toEqual([]);
  const texts = readTexts(svg).map(({ content }) => content);
  expect(texts).toEqual(expect.arrayContaining(labels));
});

test('nothing to draw is drawn, too', () => {
  expect(timeChart({ ...titles, series: [] })).not.toMatch(/NaN|Infinity/);
});
