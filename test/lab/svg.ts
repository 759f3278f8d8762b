/** Small SVG pictures written by hand: lines over time, and bars. */

/** A line of a chart: y over x. */
export interface Line {
  readonly label: string;
  readonly colour: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** A line chart with marks at some x. */
export interface LineChart {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly lines: readonly Line[];
  readonly marks: readonly number[];
}

/** Groups of bars. */
export interface BarChart {
  readonly title: string;
  readonly yLabel: string;
  readonly groups: readonly {
    readonly label: string;
    readonly bars: readonly { readonly label: string; readonly colour: string; readonly value: number }[];
  }[];
}

const WIDTH = 860;
const HEIGHT = 360;
const PLOT = { left: 60, right: WIDTH - 20, top: 64, bottom: HEIGHT - 48 };
const TICKS = 5;
/** Of figures above bars, where they have room and where not. */
const FIGURE_SIZES = { wide: 12, narrow: 9 };
const NARROW_BAR = 26;

/** Draws lines. */
export function lineChart({ title, xLabel, yLabel, lines, marks }: LineChart): string {
  const points = lines.flatMap((line) => line.points);
  const maxX = Math.max(1, ...points.map(([x]) => x));
  const maxY = niceCeiling(Math.max(...points.map(([, y]) => y), 0));
  const x = (value: number) => PLOT.left + (value / maxX) * (PLOT.right - PLOT.left);
  const y = scaleY(maxY);
  const xTicks = ticks(niceCeiling(maxX)).filter((value) => value <= maxX);
  return picture(title, yLabel, maxY, [
    ...xTicks.map((value) => text(x(value), PLOT.bottom + 18, 'middle', number(value))),
    text((PLOT.left + PLOT.right) / 2, HEIGHT - 8, 'middle', xLabel),
    ...marks.map(
      (mark) =>
        `<line x1="${r(x(mark))}" x2="${r(x(mark))}" y1="${PLOT.top}" y2="${PLOT.bottom}" stroke="#cf222e" stroke-dasharray="4 3"/>`,
    ),
    ...lines.map(
      (line) =>
        `<polyline fill="none" stroke="${line.colour}" stroke-width="1.5" points="${line.points
          .map(([px, py]) => `${r(x(px))},${r(y(py))}`)
          .join(' ')}"/>`,
    ),
    ...legend(lines),
  ]);
}

/** Draws bars. */
export function barChart({ title, yLabel, groups }: BarChart): string {
  const bars = groups.flatMap((group) => group.bars);
  const maxY = niceCeiling(Math.max(...bars.map(({ value }) => value), 0));
  const y = scaleY(maxY);
  const groupWidth = (PLOT.right - PLOT.left) / Math.max(1, groups.length);
  const drawn = groups.flatMap((group, index) => {
    const start = PLOT.left + index * groupWidth;
    const width = (groupWidth * 0.8) / Math.max(1, group.bars.length);
    const size = width < NARROW_BAR ? FIGURE_SIZES.narrow : FIGURE_SIZES.wide;
    return [
      ...group.bars.flatMap(({ colour, value }, place) => {
        const left = start + groupWidth * 0.1 + place * width;
        return [
          `<rect x="${r(left)}" y="${r(y(value))}" width="${r(width * 0.9)}" height="${r(PLOT.bottom - y(value))}" fill="${colour}"/>`,
          text(left + width * 0.45, y(value) - 4, 'middle', number(value), size),
        ];
      }),
      text(start + groupWidth / 2, PLOT.bottom + 18, 'middle', group.label),
    ];
  });
  const labels = new Map(bars.map((bar) => [bar.label, bar]));
  return picture(title, yLabel, maxY, [...drawn, ...legend([...labels.values()])]);
}

function picture(title: string, yLabel: string, maxY: number, content: readonly string[]): string {
  const y = scaleY(maxY);
  const grid = ticks(maxY).flatMap((value) => [
    `<line x1="${PLOT.left}" x2="${PLOT.right}" y1="${r(y(value))}" y2="${r(y(value))}" stroke="#d0d7de"/>`,
    text(PLOT.left - 6, y(value) + 4, 'end', number(value)),
  ]);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>`,
    `<text x="${PLOT.left}" y="20" font-size="15">${escaped(title)}</text>`,
    text(PLOT.left - 6, PLOT.top - 10, 'start', yLabel),
    ...grid,
    ...content,
    '</svg>\n',
  ].join('\n');
}

function legend(entries: readonly { label: string; colour: string }[]): string[] {
  let x = PLOT.left;
  return entries.flatMap(({ label, colour }) => {
    const at = x;
    // About what a character takes.
    x += 24 + label.length * 7;
    return [
      `<rect x="${at}" y="30" width="10" height="10" fill="${colour}"/>`,
      text(at + 14, 39, 'start', label),
    ];
  });
}

function scaleY(maxY: number): (value: number) => number {
  return (value) => PLOT.bottom - (value / maxY) * (PLOT.bottom - PLOT.top);
}

function ticks(max: number): number[] {
  return Array.from({ length: TICKS + 1 }, (_, i) => (i * max) / TICKS);
}

/** The next of 1, 2, 2.5, 5 times a power of ten. */
function niceCeiling(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return power * ([1, 2, 2.5, 5, 10].find((step) => step * power >= value) ?? 10);
}

function text(
  x: number,
  y: number,
  anchor: 'start' | 'middle' | 'end',
  content: string,
  size?: number,
): string {
  const font = size === undefined ? '' : ` font-size="${size}"`;
  return `<text x="${r(x)}" y="${r(y)}" text-anchor="${anchor}"${font}>${escaped(content)}</text>`;
}

function number(value: number): string {
  return value >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(2)));
}

function r(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
