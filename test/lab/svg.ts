/** Small SVG pictures written by hand: lines over time, layers over time, and bars. */

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

/** What of several together makes a whole over time, as layers on each other, with what happened meanwhile. */
export interface LayerChart {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  /** The lowest first; all with values at the same x, in steps. */
  readonly layers: readonly {
    readonly label: string;
    readonly colour: string;
    readonly values: readonly number[];
  }[];
  readonly stepX: number;
  readonly marks: readonly { readonly x: number; readonly label: string }[];
  /** When a layer could not be: strips of its colour above the plot. */
  readonly absences?: readonly { readonly label: string; readonly fromX: number; readonly toX: number }[];
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
const FIGURE_SIZES = { wide: 12, narrow: 9, mark: 11 };
/** Labels of neighbouring marks stand below each other. */
const MARK_ROWS = 4;
const STRIP_PX = 5;
const NARROW_BAR = 26;

/** Draws lines. */
export function lineChart({ title, xLabel, yLabel, lines, marks }: LineChart): string {
  const points = lines.flatMap((line) => line.points);
  const maxX = Math.max(1, ...points.map(([x]) => x));
  const maxY = niceCeiling(Math.max(...points.map(([, y]) => y), 0));
  const x = (value: number) => PLOT.left + (value / maxX) * (PLOT.right - PLOT.left);
  const y = scaleY(maxY);
  return picture(title, yLabel, maxY, [
    ...xAxis(maxX, x, xLabel),
    ...marks.map((mark) => markLine(x(mark))),
    ...lines.map(
      (line) =>
        `<polyline fill="none" stroke="${line.colour}" stroke-width="1.5" points="${line.points
          .map(([px, py]) => `${r(x(px))},${r(y(py))}`)
          .join(' ')}"/>`,
    ),
    ...legend(lines),
  ]);
}

/** Draws layers. */
export function layerChart(chart: LayerChart): string {
  const { title, xLabel, yLabel, layers, stepX, marks, absences = [] } = chart;
  const count = Math.max(1, ...layers.map(({ values }) => values.length));
  /** Upper edges: `sums[i]` is that of layer i - 1, and 0 below the first. */
  const sums: number[][] = [Array(count).fill(0)];
  for (const { values } of layers) {
    const below = sums.at(-1)!;
    sums.push(below.map((sum, at) => sum + (values[at] ?? 0)));
  }
  const maxX = count * stepX;
  const maxY = niceCeiling(Math.max(...sums.at(-1)!));
  const x = (value: number) => PLOT.left + (value / maxX) * (PLOT.right - PLOT.left);
  const y = scaleY(maxY);
  const edge = (values: readonly number[]) =>
    values.map((value, at) => `${r(x((at + 0.5) * stepX))},${r(y(value))}`);
  return picture(title, yLabel, maxY, [
    ...xAxis(maxX, x, xLabel),
    ...layers.map(
      ({ colour }, at) =>
        `<polygon fill="${colour}" points="${[...edge(sums[at + 1]!), ...edge(sums[at]!).reverse()].join(' ')}"/>`,
    ),
    ...marks.flatMap((mark, at) => [
      markLine(x(mark.x)),
      text(
        x(mark.x) + (isLate(mark.x, maxX) ? -4 : 4),
        PLOT.top + 10 + (at % MARK_ROWS) * 13,
        isLate(mark.x, maxX) ? 'end' : 'start',
        mark.label,
        FIGURE_SIZES.mark,
      ),
    ]),
    ...absences.map(({ label, fromX, toX }) => {
      const at = layers.findIndex((layer) => layer.label === label);
      const top = PLOT.top - STRIP_PX * (at + 1);
      return `<rect x="${r(x(fromX))}" y="${top}" width="${r(x(toX) - x(fromX))}" height="${STRIP_PX - 1}" fill="${layers[at]?.colour}"/>`;
    }),
    ...legend(layers),
  ]);
}

/** Whether a label has no room to the right. */
function isLate(x: number, maxX: number): boolean {
  return x > 0.75 * maxX;
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

function xAxis(maxX: number, x: (value: number) => number, label: string): string[] {
  const shown = ticks(niceCeiling(maxX)).filter((value) => value <= maxX);
  return [
    ...shown.map((value) => text(x(value), PLOT.bottom + 18, 'middle', number(value))),
    text((PLOT.left + PLOT.right) / 2, HEIGHT - 8, 'middle', label),
  ];
}

function markLine(at: number): string {
  return `<line x1="${r(at)}" x2="${r(at)}" y1="${PLOT.top}" y2="${PLOT.bottom}" stroke="#cf222e" stroke-dasharray="4 3"/>`;
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
