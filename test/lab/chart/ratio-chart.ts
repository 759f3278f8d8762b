import { annotations, markShapes, type Shape, words } from './annotations.ts';
import { picture, type Titles } from './picture.ts';
import { MARGIN, TEXT, VALUES } from './style.ts';

/** Ratios, one below the other: the median as a dot, the spread as a line, and where 1 is. */
export interface RatioChart extends Titles {
  readonly rows: readonly {
    readonly label: string;
    readonly median: number;
    readonly min: number;
    readonly max: number;
    readonly colour: string;
  }[];
}

const ROW_HEIGHT = 46;
/** Ratios beyond are drawn at the edge. */
const RANGE = { min: 0.5, max: 2 };

/** Draws ratios. */
export function ratioChart({ rows, ...titles }: RatioChart): string {
  const within = (value: number) => Math.min(RANGE.max, Math.max(RANGE.min, value));
  const min = Math.min(0.9, ...rows.map((row) => within(row.min)));
  const max = Math.max(1.1, ...rows.map((row) => within(row.max)));
  return picture(
    { ...titles, legend: [], plotHeight: rows.length * ROW_HEIGHT },
    {
      xAxis: { ...VALUES, min: Math.floor(min * 10) / 10, max: Math.ceil(max * 10) / 10 },
      yAxis: { type: 'value', show: false },
      series: [
        annotations((plot) => [
          ...markShapes([{ x: 1 }], plot, plot.top),
          ...rows.flatMap((row, index): Shape[] => {
            const top = plot.top + (index * (plot.bottom - plot.top)) / rows.length;
            const y = top + 2 * MARGIN + TEXT.lineHeight / 2;
            const spread = { x1: plot.x(within(row.min)), x2: plot.x(within(row.max)), y1: y, y2: y };
            const dot = { cx: plot.x(within(row.median)), cy: y, r: 6 };
            return [
              words(row.label, plot.left, top, 'left'),
              words(row.median.toFixed(3), plot.right, top, 'right'),
              { type: 'line', shape: spread, style: { stroke: row.colour, lineWidth: 4, lineCap: 'round' } },
              { type: 'circle', shape: dot, style: { fill: row.colour } },
            ];
          }),
        ]),
      ],
    },
  );
}
