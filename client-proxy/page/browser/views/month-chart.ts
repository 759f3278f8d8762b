import type uPlot from 'uplot';
import { html, useEffect, useRef } from '../../../../shared/page-browser/lib/htm-preact.js';
import { Plot, stacked, themeOf } from '../../../../shared/page-browser/plot.ts';
import { bytesText, dateText } from '../../../../shared/page-browser/words.ts';
import type { PlanView } from '../../page-view.ts';
import { type DayBars, dayShareOf } from '../base/day-bars.ts';

interface MonthChartProps {
  readonly bars: DayBars;
  /** Whose days these are, if they are one plan's: its cap is drawn. */
  readonly plan: PlanView | undefined;
}

const HEIGHT_PX = 240;
/** Of the room of a day, and at most. */
const BAR_WIDTH = 0.72;
const MAX_BAR_PX = 40;
const HALF_A_DAY_SECONDS = 43_200;
/** Below it the axis would magnify what keeps subflows alive. */
const LEAST_TOP_BYTES = 1_000_000;

/** What was carried on each day, stacked; of a plan, beside what its cap leaves for a day. */
export function MonthChart({ bars, plan }: MonthChartProps) {
  const place = useRef<HTMLDivElement | null>(null);
  // Drawn anew when a figure that can be told apart is another.
  const key = JSON.stringify([plan?.name, bars.tracks.map(({ name, bytes }) => [name, bytes.map(shortly)])]);
  useEffect(() => {
    const element = place.current!;
    let chart = draw(element, bars, plan);
    const redraw = () => {
      chart.destroy();
      chart = draw(element, bars, plan);
    };
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    scheme.addEventListener('change', redraw);
    const resizing = new ResizeObserver(() =>
      chart.setSize({ width: element.clientWidth, height: HEIGHT_PX }),
    );
    resizing.observe(element);
    return () => {
      resizing.disconnect();
      scheme.removeEventListener('change', redraw);
      chart.destroy();
    };
  }, [key]);
  const whose = plan === undefined ? '' : ` of ${plan.name}`;
  const label = `Bytes of each of the last ${bars.days.length} days${whose}; below as a table`;
  return html`<div class="chart month" role="img" aria-label=${label} ref=${place}></div>`;
}

function shortly(bytes: number | null): string {
  return bytes === null ? '' : bytesText(bytes);
}

function draw(place: HTMLElement, { days, tracks }: DayBars, plan: PlanView | undefined): uPlot {
  const { colour, axis } = themeOf(place);
  const share = plan && dayShareOf(plan);
  const seconds = days.map((ms) => ms / 1_000);
  const bars = Plot.paths.bars!({ size: [BAR_WIDTH, MAX_BAR_PX], radius: 0.15 });
  const heights = stacked(tracks.map(({ bytes }) => bytes.map((one) => one ?? 0)));
  const line = share === undefined ? [] : [seconds.map(() => share.bytes)];
  const range: uPlot.Range.MinMax = [seconds[0]! - HALF_A_DAY_SECONDS, seconds.at(-1)! + HALF_A_DAY_SECONDS];
  return new Plot(
    {
      ...{ width: place.clientWidth, height: HEIGHT_PX, padding: [12, 16, 0, 0] },
      cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
      scales: {
        x: { time: true, range: () => range },
        y: { range: (_, __, most) => [0, Math.max(LEAST_TOP_BYTES, most * 1.1)] },
      },
      axes: [
        {
          ...axis,
          size: 32,
          grid: { show: false },
          space: 64,
          values: (_, all) => all.map((one) => dateText(one * 1_000)),
        },
        {
          ...axis,
          size: 74,
          space: 44,
          values: (_, all) => all.map((one) => (one === 0 ? '0' : bytesText(one))),
        },
      ],
      hooks: { ready: [(chart) => chart.setLegend({ idx: days.length - 1 })] },
      series: [
        { label: 'Day', value: (_, one) => (one === null ? '–' : dateText(one * 1_000)) },
        ...tracks.map(
          ({ name, colour: own, bytes }): uPlot.Series => ({
            label: name,
            fill: colour(`--${own}`),
            stroke: colour('--panel'),
            width: 1,
            paths: bars,
            points: { show: false },
            value: (_, __, ___, at) => shortly(bytes[at ?? -1] ?? null) || '–',
          }),
        ),
        ...(share === undefined ? [] : [capSeries(share, colour('--bad'))]),
      ],
    },
    [seconds, ...heights, ...line] as unknown as uPlot.AlignedData,
    place,
  );
}

function capSeries({ label, bytes }: { label: string; bytes: number }, stroke: string): uPlot.Series {
  const value = () => bytesText(bytes);
  return { label, stroke, width: 2, dash: [6, 4], points: { show: false }, value };
}
