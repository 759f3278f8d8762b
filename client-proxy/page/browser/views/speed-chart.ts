import type uPlot from 'uplot';
import { html, useEffect, useRef } from '../../../../shared/page-browser/lib/htm-preact.js';
import { rateText } from '../../../../shared/page-browser/words.ts';
import type { SpeedReport } from '../../../speedtest/speed-report.ts';

/** A group of bars: what one uplink, or all of them, carry down and up. */
export interface SpeedGroup {
  readonly label: string;
  readonly down: number | null;
  readonly up: number | null;
}

/** The library is a plain script, since as a module it is three times as large. */
const Plot = (globalThis as unknown as { readonly uPlot: typeof uPlot }).uPlot;
const HEIGHT_PX = 240;
/** Of the room that a group has, what its two bars take, and the widest, in pixels. */
const BAR_SHARE = 0.38;
const MOST_BAR_PX = 70;
const LEAST_TOP_BITS_PER_SECOND = 1_000_000;

/** Each uplink alone, the sum of all at once, and one transfer over all. */
export function groupsOf({ uplinks, aggregate }: SpeedReport): readonly SpeedGroup[] {
  const measured = uplinks.filter(({ state }) => state === 'measured');
  const alone = measured.map(({ name, alone: { down, up } }) => ({
    ...{ label: name, down: down?.bitsPerSecond ?? null, up: up?.bitsPerSecond ?? null },
  }));
  const sum = (direction: 'down' | 'up') =>
    measured.reduce((total, { beside }) => total + (beside[direction] ?? 0), 0) || null;
  const atOnce = { label: 'all\nat once', down: sum('down'), up: sum('up') };
  const one = {
    ...{ label: 'one\ntransfer', down: aggregate.down?.bitsPerSecond ?? null },
    up: aggregate.up?.bitsPerSecond ?? null,
  };
  return [...alone, ...(atOnce.down === null && atOnce.up === null ? [] : [atOnce]), one];
}

export function SpeedChart({ report }: { report: SpeedReport }) {
  const place = useRef<HTMLDivElement | null>(null);
  const groups = groupsOf(report);
  useEffect(() => {
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    const at = place.current!;
    let plot = drawn(at, groups);
    const again = () => {
      plot.destroy();
      plot = drawn(at, groups);
    };
    const resizing = new ResizeObserver(() => plot.setSize(sizeOf(at)));
    resizing.observe(at);
    scheme.addEventListener('change', again);
    return () => {
      resizing.disconnect();
      scheme.removeEventListener('change', again);
      plot.destroy();
    };
  }, [report.startedMs]);
  return html`<div class="chart speed-chart" role="img" aria-label=${spoken(groups)} ref=${place}></div>`;
}

function sizeOf(place: HTMLElement) {
  return { width: place.clientWidth, height: HEIGHT_PX };
}

function drawn(place: HTMLElement, groups: readonly SpeedGroup[]): uPlot {
  const style = getComputedStyle(place);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const font = '12px system-ui, sans-serif';
  const axis = { stroke: colour('--quiet'), font, ticks: { show: false } };
  const places = groups.map((_, i) => i);
  const bars = (align: -1 | 1) =>
    Plot.paths.bars!({ size: [BAR_SHARE, MOST_BAR_PX], align, gap: 2, radius: 0.08 });
  const value = (_: uPlot, rate: number | null) => (rate === null ? '–' : rateText(rate));
  const series = (label: string, name: string, align: -1 | 1): uPlot.Series => ({
    ...{ label, value, fill: colour(name), stroke: colour(name), width: 0, paths: bars(align) },
    points: { show: false },
  });
  return new Plot(
    {
      ...sizeOf(place),
      padding: [12, 8, 0, 0],
      cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
      legend: { live: false },
      scales: {
        x: { time: false, range: [-0.5, groups.length - 0.5] },
        y: { range: (_, __, most) => [0, Math.max(LEAST_TOP_BITS_PER_SECOND, most * 1.08)] },
      },
      axes: [
        {
          ...axis,
          grid: { show: false },
          size: 40,
          splits: () => places,
          values: () => groups.map(({ label }) => label),
        },
        {
          ...axis,
          grid: { stroke: colour('--grid'), width: 1 },
          size: 74,
          values: (_, all) => all.map(axisText),
        },
      ],
      series: [{}, series('Down', '--u0', -1), series('Up', '--u1', 1)],
    },
    [places, groups.map(({ down }) => down), groups.map(({ up }) => up)] as unknown as uPlot.AlignedData,
    place,
  );
}

function axisText(bitsPerSecond: number): string {
  return bitsPerSecond === 0 ? '0' : `${Number((bitsPerSecond / 1e6).toPrecision(3))} Mbit/s`;
}

/** For a screen reader. */
function spoken(groups: readonly SpeedGroup[]): string {
  const text = (rate: number | null) => (rate === null ? 'not measured' : rateText(rate));
  return groups
    .map(({ label, down, up }) => `${label.replace('\n', ' ')}: ${text(down)} down, ${text(up)} up`)
    .join('; ');
}
