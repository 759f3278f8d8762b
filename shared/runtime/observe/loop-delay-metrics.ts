import type { Registry } from 'prom-client';
import type { LoopDelays } from './loop-watch.ts';
import { registerGauge } from './scraped-metric.ts';

/** By what `prom-client` calls them. Its own need a timer that fires a hundred times a second for good, and count its period in. */
const FIGURES = {
  min: 'shortest',
  max: 'longest',
  mean: 'mean',
  stddev: 'standard deviation of the',
  p50: 'median',
  p90: '90th percentile of the',
  p99: '99th percentile of the',
} as const satisfies Record<keyof LoopDelays, string>;

/** Registers how late the event loop was since the last scrape. @param take gives the figures, and begins anew */
export function registerLoopDelays(registry: Registry, take: () => LoopDelays | undefined): void {
  let taken: LoopDelays | undefined;
  for (const [index, [figure, words]] of Object.entries(FIGURES).entries()) {
    registerGauge(registry, {
      name: nameOf(figure),
      help: `The ${words} delay of a timer since the last scrape`,
      labelNames: [],
      aggregator: figure === 'min' ? 'min' : 'max',
      *samples() {
        // All of a scrape are of the same time: they are collected in the order in which they were registered.
        if (index === 0) taken = take();
        if (taken !== undefined) yield [{}, taken[figure as keyof LoopDelays]];
      },
    });
  }
}

/** The names of these metrics. */
export const LOOP_DELAY_NAMES: readonly string[] = Object.keys(FIGURES).map(nameOf);

function nameOf(figure: string): string {
  return `nodejs_eventloop_lag_${figure}_seconds`;
}
