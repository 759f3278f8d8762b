import type { LineSeriesOption } from 'echarts/charts';
import { annotations, type Mark, markShapes, type Plot, type Shape } from './annotations.ts';
import { picture, type Titles } from './picture.ts';
import { AXIS_HEIGHT, TEXT, VALUES } from './style.ts';

/** Values over time. */
export interface TimeChart extends Titles {
  readonly xLabel: string;
  readonly series: readonly Series[];
  /** Whether the series together make a whole: they are drawn as layers then, the first one lowest. */
  readonly isStacked?: boolean;
  /** What happened when. */
  readonly marks?: readonly Mark[];
  /** When a series could not be: a strip of its colour above the plot. */
  readonly absences?: readonly { readonly label: string; readonly fromX: number; readonly toX: number }[];
}

/** One of the series of a {@link TimeChart}; stacked ones have values at the same x. */
export interface Series {
  readonly label: string;
  readonly colour: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** Of strips for absences. */
const STRIP = 6;
const PLOT_HEIGHT = 250;

/** Draws values over time. */
export function timeChart(chart: TimeChart): string {
  const { title, subtitle, xLabel, series, isStacked = false, marks = [], absences = [] } = chart;
  const strips = absences.length > 0 ? STRIP * (series.length + 1) : 0;
  const legend = series.map(({ label }) => label);
  const above = strips + marks.filter(({ label }) => label !== undefined).length * TEXT.lineHeight;
  const maxX = Math.max(...series.flatMap(({ points }) => points.map(([x]) => x)), 0) || 1;
  return picture(
    { title, subtitle, legend, plotHeight: PLOT_HEIGHT, above },
    {
      xAxis: {
        ...{ ...VALUES, min: 0, max: maxX },
        // The end is no figure of the axis, unless it happens to be one.
        axisLabel: { ...VALUES.axisLabel, ...(Number.isInteger(maxX) ? {} : { showMaxLabel: false }) },
        ...{ name: xLabel, nameLocation: 'middle', nameGap: AXIS_HEIGHT, nameTextStyle: TEXT },
      },
      yAxis: { ...VALUES, min: 0 },
      series: [
        ...series.map(
          ({ label, colour, points }): LineSeriesOption => ({
            ...{ type: 'line', name: label, symbol: 'none', itemStyle: { color: colour } },
            lineStyle: { color: colour, width: isStacked ? 0 : 2 },
            ...(isStacked ? { stack: 'all', areaStyle: { color: colour, opacity: 1 } } : {}),
            data: points.map(([x, y]) => [x, y]),
          }),
        ),
        annotations((plot) => [
          ...absences.map((absence) => strip(absence, series, plot)),
          ...markShapes(marks, plot, plot.top - above),
        ]),
      ],
    },
  );
}

/** A strip of a series' colour, in a line of its own above the plot. */
function strip(
  { label, fromX, toX }: NonNullable<TimeChart['absences']>[number],
  series: readonly Series[],
  { x, top }: Plot,
): Shape {
  const index = series.findIndex((one) => one.label === label);
  const shape = { x: x(fromX), width: x(toX) - x(fromX), height: STRIP - 1 };
  return {
    type: 'rect',
    shape: { ...shape, y: top - STRIP * (index + 1) },
    style: { fill: series[index]?.colour },
  };
}
