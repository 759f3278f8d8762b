import type uPlot from 'uplot';
import { colourOf } from './colours.ts';
import { html, useEffect, useRef } from './lib/htm-preact.js';
import { Plot, stacked, themeOf } from './plot.ts';
import type { ChartData, Direction } from './samples.ts';
import { rateText } from './words.ts';

/** Minutes. */
export const RANGES = [5, 15, 60] as const;

/** A time that the chart marks, of one of its names. */
export interface ChartMark {
  readonly name: string;
  readonly what: string;
  /** All about it, where there is room. */
  readonly text?: string;
  readonly fromMs: number;
  /** Null while it lasts. */
  readonly toMs: number | null;
}

/** What a chart is drawn of. */
export interface ChartSource {
  readonly firstMs: number;
  chart(names: readonly string[], direction: Direction, fromMs: number): ChartData;
}

export interface ChartProps {
  /** Whose rates are shown, such as `each uplink`. */
  readonly what: string;
  readonly samples: ChartSource;
  readonly names: readonly string[];
  /** The name of those that have no colour of their own, if there are such. */
  readonly rest?: string;
  readonly marks: readonly ChartMark[];
  readonly direction: Direction;
  readonly minutes: number;
  readonly endMs: number;
}

/** A program that has just begun shows its first seconds in so much time. */
const LEAST_SPAN_MS = 60_000;
const HEIGHT_PX = 260;
/** Below it the axis would magnify what keeps subflows alive. */
const LEAST_TOP_BITS_PER_SECOND = 1_000_000;
const MARK_LABEL_ROWS = 2;
const MARK_LABEL_PX = 15;
/** Of a mark that is drawn over the whole height. */
const SHORT_MARK_MS = 60_000;

/** What each of several carried, stacked, with marks such as faults. */
export function Chart(props: ChartProps) {
  const place = useRef<HTMLDivElement | null>(null);
  const drawn = useRef<Drawn | null>(null);
  const { what, names, rest, direction, endMs, minutes } = props;
  const key = names.join(' ');
  // Drawn anew only when the names are others.
  useEffect(() => {
    const chart = new Drawn(place.current!, names, rest);
    drawn.current = chart;
    return () => chart.destroy();
  }, [key]);
  useEffect(() => drawn.current?.update(props), [endMs, direction, minutes, key, props.marks]);
  const label = `What ${what} carried ${direction}, the last ${minutes} minutes, stacked`;
  return html`<div class="chart" role="img" aria-label=${label} ref=${place}></div>`;
}

class Drawn {
  readonly #place: HTMLElement;
  readonly #names: readonly string[];
  readonly #rest: string | undefined;
  readonly #resizing: ResizeObserver;
  readonly #scheme = matchMedia('(prefers-color-scheme: dark)');
  #plot: uPlot;
  #props: ChartProps | undefined;
  /** Bits per second of each by itself, as the legend tells them. */
  #rates: readonly (readonly (number | null)[])[] = [];

  constructor(place: HTMLElement, names: readonly string[], rest: string | undefined) {
    this.#place = place;
    this.#names = names;
    this.#rest = rest;
    this.#plot = this.#make();
    this.#resizing = new ResizeObserver(() => this.#plot.setSize(this.#size));
    this.#resizing.observe(place);
    this.#scheme.addEventListener('change', this.#redraw);
  }

  destroy(): void {
    this.#resizing.disconnect();
    this.#scheme.removeEventListener('change', this.#redraw);
    this.#plot.destroy();
  }

  update(props: ChartProps): void {
    this.#props = props;
    const { samples, direction, minutes, endMs } = props;
    const firstMs = Math.min(samples.firstMs, endMs - LEAST_SPAN_MS);
    const fromMs = Math.max(firstMs, endMs - minutes * 60_000);
    const { seconds, rates } = samples.chart(this.#names, direction, fromMs);
    this.#rates = rates;
    this.#plot.setData([[...seconds], ...stacked(rates)] as unknown as uPlot.AlignedData, false);
    this.#plot.setScale('x', { min: fromMs / 1_000, max: endMs / 1_000 });
    // Nobody points at another time.
    if (this.#plot.cursor.left === undefined || this.#plot.cursor.left < 0)
      this.#plot.setLegend({ idx: seconds.length - 1 });
  }

  get #size(): { width: number; height: number } {
    return { width: this.#place.clientWidth, height: HEIGHT_PX };
  }

  readonly #redraw = (): void => {
    this.#plot.destroy();
    this.#plot = this.#make();
    if (this.#props !== undefined) this.update(this.#props);
  };

  #make(): uPlot {
    const { colour, axis } = themeOf(this.#place);
    return new Plot(
      {
        ...this.#size,
        padding: [MARK_LABEL_ROWS * MARK_LABEL_PX + 4, 24, 0, 0],
        cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
        legend: { live: true },
        scales: {
          x: { time: true, auto: false },
          y: { range: (_, __, most) => [0, Math.max(LEAST_TOP_BITS_PER_SECOND, most * 1.08)] },
        },
        axes: [
          { ...axis, size: 32, space: 70, values: timesText },
          { ...axis, size: 74, space: 44, values: (_, values) => values.map(axisText) },
        ],
        series: [
          { label: 'Time', value: (_, seconds) => (seconds === null ? '–' : timeText(seconds, true)) },
          ...this.#names.map(
            (name, i): uPlot.Series => ({
              label: name,
              fill: colour(name === this.#rest ? '--rest' : `--${colourOf(i)}`),
              stroke: colour('--panel'),
              width: 1,
              points: { show: false },
              value: (_, __, ___, at) => rateText(this.#rates[i]?.at(at ?? -1) ?? 0),
            }),
          ),
        ],
        hooks: { draw: [(plot) => this.#drawMarks(plot)] },
      },
      [[]] as unknown as uPlot.AlignedData,
      this.#place,
    );
  }

  #drawMarks(plot: uPlot): void {
    const { marks = [], endMs = 0 } = this.#props ?? {};
    const { ctx, bbox } = plot;
    const scale = devicePixelRatio;
    const { colour } = themeOf(this.#place);
    const xOf = (ms: number) => plot.valToPos(ms / 1_000, 'x', true);
    /** Where each row of labels is free. */
    const freeFrom: number[] = Array(MARK_LABEL_ROWS).fill(bbox.left);
    ctx.save();
    ctx.font = `${12 * scale}px system-ui, sans-serif`;
    ctx.textBaseline = 'middle';
    ctx.textAlign = 'left';
    for (const { name, what, text = what, fromMs, toMs } of [...marks].reverse()) {
      const left = Math.max(bbox.left, xOf(fromMs));
      const right = Math.min(bbox.left + bbox.width, xOf(toMs ?? endMs));
      if (
        right < bbox.left ||
        left > bbox.left + bbox.width ||
        (toMs ?? endMs) / 1_000 < (plot.scales.x?.min ?? 0)
      )
        continue;
      // What lasts would hide what is behind it: its begin is enough.
      const isShort = (toMs ?? endMs) - fromMs <= SHORT_MARK_MS;
      ctx.fillStyle = colour('--fault');
      ctx.fillRect(left, bbox.top, isShort ? Math.max(scale, right - left) : 2 * scale, bbox.height);
      const index = Math.max(0, this.#names.indexOf(name));
      ctx.fillStyle = colour(`--${colourOf(index)}`);
      ctx.fillRect(left, bbox.top - 4 * scale, Math.max(2 * scale, right - left), 4 * scale);
      ctx.fillStyle = colour('--ink');
      for (const label of new Set([`${name} ${text}`, `${name} ${what}`])) {
        const width = ctx.measureText(label).width;
        const at = Math.min(left, bbox.left + bbox.width - width);
        const row = freeFrom.findIndex((free) => free <= at);
        if (row < 0) continue;
        freeFrom[row] = at + width + 10 * scale;
        ctx.fillText(label, at, bbox.top - (5 + MARK_LABEL_PX * (row + 0.5)) * scale);
        break;
      }
    }
    ctx.restore();
  }
}

/** The places of an axis, `step` seconds apart. */
function timesText(_: uPlot, seconds: readonly number[], __: number, ___: number, step: number): string[] {
  return seconds.map((one) => timeText(one, step < 60));
}

function timeText(seconds: number, isWhole: boolean): string {
  const withSeconds = isWhole ? { second: '2-digit' as const } : {};
  const options = { hour: '2-digit', minute: '2-digit', hour12: false, ...withSeconds } as const;
  return new Date(seconds * 1_000).toLocaleTimeString([], options);
}

function axisText(bitsPerSecond: number): string {
  return bitsPerSecond === 0 ? '0' : `${Number((bitsPerSecond / 1e6).toPrecision(3))} Mbit/s`;
}
