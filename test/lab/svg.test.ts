import { expect, test } from 'vitest';
import { barChart, layerChart, lineChart } from './svg.ts';

test('texts are escaped', () => {
  const svg = barChart({ title: 'a < b & "c"', yLabel: '', groups: [] });
  expect(svg).toContain('a &lt; b &amp; &quot;c&quot;');
  expect(svg.match(/<\w+/g)!.length).toBeGreaterThan(3);
});

test('bars are as high as their values, with figures above and one legend entry for each label', () => {
  const bar = (value: number) => ({ label: 'ours', colour: '#123456', value });
  const svg = barChart({
    title: 't',
    yLabel: 'y',
    groups: [
      { label: 'one', bars: [bar(1)] },
      { label: 'two', bars: [bar(0.5)] },
    ],
  });
  const heights = [...svg.matchAll(/<rect [^>]*height="([\d.]+)" fill="#123456"/g)].map(([, h]) => Number(h));
  expect(heights).toEqual([248, 124, 10]);
  expect(svg.match(/>ours</g)).toHaveLength(1);
});

test('what is drawn stays within the picture, even without anything to draw', () => {
  const chart = { title: 't', xLabel: 'x', yLabel: 'y', marks: [] };
  const points = [
    [0, 0],
    [10, 70],
  ] as const;
  const svg = lineChart({ ...chart, lines: [{ label: 'a', colour: 'red', points }] });
  expect(svg).toContain('points="60,312 840,138.4"');
  expect(lineChart({ ...chart, lines: [] })).not.toMatch(/NaN|Infinity/);
});

test('layers stand on each other, with labelled marks, and strips where one could not be', () => {
  const svg = layerChart({
    title: 't',
    xLabel: 'x',
    yLabel: 'y',
    layers: [
      { label: 'a', colour: 'red', values: [1, 1] },
      { label: 'b', colour: 'blue', values: [1, 4] },
    ],
    stepX: 0.5,
    marks: [{ x: 0.5, label: 'now' }],
    absences: [{ label: 'b', fromX: 0, toX: 0.5 }],
  });
  // The plot is 60 to 840 wide, and 5 units are 248 high.
  expect(svg).toContain('fill="red" points="255,262.4 645,262.4 645,312 255,312"');
  expect(svg).toContain('fill="blue" points="255,212.8 645,64 645,262.4 255,262.4"');
  expect(svg).toMatch(/x1="450" x2="450".*dasharray/);
  expect(svg).toContain('>now<');
  expect(svg).toContain('<rect x="60" y="54" width="390" height="4" fill="blue"/>');
  expect(layerChart({ title: '', xLabel: '', yLabel: '', layers: [], stepX: 1, marks: [] })).not.toMatch(
    /NaN|Infinity/,
  );
});
