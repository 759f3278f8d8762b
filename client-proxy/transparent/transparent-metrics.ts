import type { Registry } from 'prom-client';
import { registerCounter, registerGauge } from '../../shared/runtime/observe/scraped-metric.ts';
import type { TransparentCounters } from './transparent-server.ts';

/** Registers what is counted of redirected connections; `counters` answers undefined where none are served. */
export function registerTransparentMetrics(
  registry: Registry,
  counters: () => TransparentCounters | undefined,
): void {
  registerGauge(registry, {
    name: 'tributary_transparent_connections',
    help: 'Redirected connections that are open now',
    labelNames: [],
    *samples() {
      yield [{}, counters()?.active ?? 0];
    },
  });
  registerCounter(registry, {
    name: 'tributary_transparent_accepts_total',
    help: 'Connections to the transparent listener, by result: accepted, refused (too many), loop (they lead back to the client)',
    labelNames: ['result'],
    *samples() {
      const { accepted, refused, loop } = counters() ?? NONE;
      yield [{ result: 'accepted' }, accepted];
      yield [{ result: 'refused' }, refused];
      yield [{ result: 'loop' }, loop];
    },
  });
  registerCounter(registry, {
    name: 'tributary_transparent_names_total',
    help: 'Redirected connections whose name the rules wanted, by result: tls, http (where it was found), none, silent (nothing was said in time)',
    labelNames: ['result'],
    *samples() {
      for (const [result, count] of Object.entries((counters() ?? NONE).names)) yield [{ result }, count];
    },
  });
}

const NONE: TransparentCounters = {
  active: 0,
  accepted: 0,
  refused: 0,
  loop: 0,
  names: { tls: 0, http: 0, none: 0, silent: 0 },
};
