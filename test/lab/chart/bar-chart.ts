import { picture, type Titles } from './picture.ts';
import { RULE, TEXT, VALUES } from './style.ts';

/** Groups of bars, one below the other, each with its value. */
export interface BarChart extends Titles {
  readonly groups: readonly {
    readonly label: string;
    readonly bars: readonly { readonly label: string; readonly colour: string; readonly value: number }[];
  }[];
}

const ROW_HEIGHT = 18;

/** Draws bars. */
export function barChart({ groups, ...titles }: BarChart): string {
  const series = [...new Map(groups.flatMap(({ bars }) => bars.map((bar) => [bar.label, bar]))).values()];
  // Each bar has a row of its own, and each group an empty one below it.
  const rows = groups.flatMap(({ label, bars }) => [
    ...bars.map((bar, index) => ({ bar, label: index === 0 ? label : '' })),
    { bar: undefined, label: '' },
  ]);
  const legend = series.map(({ label }) => label);
  return picture(
    { ...titles, legend, plotHeight: rows.length * ROW_HEIGHT, right: 44 },
    {
      xAxis: { ...VALUES, min: 0 },
      yAxis: {
        ...{ type: 'category', inverse: true, data: rows.map((_, index) => String(index)) },
        axisLabel: {
          ...TEXT,
          interval: 0,
          formatter: (_: string, index: number) => rows[index]?.label ?? '',
        },
        ...{ axisTick: { show: false }, axisLine: { lineStyle: { color: RULE } } },
      },
      series: series.map(({ label, colour }) => ({
        ...{ type: 'bar', name: label, itemStyle: { color: colour }, barCategoryGap: '15%' },
        // All in the same place: a row has a bar of one of them.
        barGap: '-100%',
        label: { ...TEXT, show: true, position: 'right', formatter: ({ value }) => figure(Number(value)) },
        data: rows.map(({ bar }) => (bar?.label === label ? bar.value : '-')),
      })),
    },
  );
}

function figure(value: number): string {
  return value >= 10 ? value.toFixed(0) : value.toPrecision(2);
}
