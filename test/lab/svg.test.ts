import { expect, test } from 'vitest';
import { barChart, lineChart } from './svg.ts';

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
