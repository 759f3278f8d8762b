import { expect, test } from 'vitest';
import { barChart } from './bar-chart.ts';
import { clashes, readShapes, readTexts } from './support/read-svg.ts';

const titles = { title: 'a < b & "c"', subtitle: 'goodput' };
const ours = (value: number) => ({ label: 'ours', colour: '#123456', value });
const theirs = (value: number) => ({ label: 'theirs', colour: '#abcdef', value });

test('bars are as long as their values, with figures beside them and one legend entry for each label', () => {
  const svg = barChart({
    ...titles,
    groups: [
      { label: 'one', bars: [ours(1), theirs(0.25)] },
      { label: 'two', bars: [ours(0.5)] },
    ],
  });
  const lengths = (colour: string) =>
    readShapes(svg, colour).map((corners) => {
      const xs = corners.map(([x]) => x);
      return Math.max(...xs) - Math.min(...xs);
    });
  const [whole, half] = lengths('#123456');
  expect(whole).toBeGreaterThan(200);
  expect(half).toBeCloseTo(whole! / 2, 0);
  expect(lengths('#abcdef')).toEqual([expect.closeTo(whole! / 4, 0)]);
  const texts = readTexts(svg).map(({ content }) => content);
  for (const text of ['ours', 'theirs', 'one', 'two', '0.25', 'goodput'])
    expect(texts.filter((content) => content === text)).toHaveLength(1);
  expect(svg).toContain('<title>a &lt; b &amp; "c"</title>');
  expect(texts).toContain('a &lt; b &amp; &quot;c&quot;');
  expect(svg).toMatch(/^<svg [\s\S]*<\/svg>\n$/);
});

test('no two texts share a place, even with many bars and long names', () => {
  const names = [
    'tributary',
    'tributary@../the-version-before-this-one',
    'kernel-mptcp',
    'best single uplink',
  ];
  const groups = Array.from({ length: 9 }, (_, group) => ({
    label: `E${group + 1}`,
    bars: names.map((label, index) => ({ label, colour: `#00000${index}`, value: 0.87 + index / 100 })),
  }));
  const title = 'a title of a good many words, which does not fit into one line of the picture';
  const svg = barChart({ title, subtitle: 'goodput over the sum of rates', groups });
  expect(clashes(svg)).toEqual([]);
  // A text that is drawn in another's place is noticed.
  const [first, second] = svg.match(/<text [^>]*>E[12]</g)!;
  expect(clashes(svg.replace(second!, first!.replace('E1', 'E2')))).toEqual(['E1 | E2']);
});

test('nothing to draw is drawn, too', () => {
  expect(barChart({ ...titles, groups: [] })).not.toMatch(/NaN|Infinity/);
});
