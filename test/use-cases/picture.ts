import type { Direction } from '../bed/emulator.ts';
import { timeChart } from '../lab/chart/time-chart.ts';
import type { Scene } from './scene.ts';

/** Rates are means over this time. With a shorter one every burst would be a spike. */
export const STEP_MS = 100;
const COLOURS = ['#1f6feb', '#d9822b', '#2da44e', '#a475f9', '#bf8700', '#80ccff', '#57606a', '#cf222e'];

/** Draws the bytes that each uplink delivered in one direction over time, stacked, with what happened meanwhile. */
export function picture(
  { title }: { readonly title: string },
  { traffic, events, absences }: Pick<Scene, 'traffic' | 'events' | 'absences'>,
  direction: Direction,
): string {
  return timeChart({
    title: `${title}: ${direction === 'down' ? 'to' : 'from'} the client`,
    subtitle: 'Mbit/s',
    xLabel: 'seconds',
    isStacked: true,
    series: traffic.links.map((link, index) => ({
      label: link,
      colour: COLOURS[index % COLOURS.length]!,
      // The rate of a step is drawn at its middle.
      points: traffic
        .rates(link, direction, STEP_MS)
        .map((rate, step) => [((step + 0.5) * STEP_MS) / 1000, rate] as const),
    })),
    absences: absences.map(({ uplink, fromMs, toMs }) => ({
      ...{ label: uplink, fromX: fromMs / 1000, toX: toMs / 1000 },
    })),
    marks: events.map(({ atMs, label }) => ({ x: atMs / 1000, label })),
  });
}
