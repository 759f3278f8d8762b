import type { Registry } from 'prom-client';
import { registerResultCounter } from '../shared/runtime/observe/result-counter.ts';
import { ResultCounts } from '../shared/runtime/observe/result-counts.ts';
import { registerCounter } from '../shared/runtime/observe/scraped-metric.ts';
import { LIMIT_NAMES } from './limits/limit-hits.ts';

/** What is counted as it happens at the concentrator; the metrics read it when they are scraped. */
export class ConcentratorCounts {
  /** Subflow handshakes: `hello`, `join`, or why not. */
  readonly handshakes = new ResultCounts();
  /** Dials of origins: `ok`, or the name of the error. */
  readonly opens = new ResultCounts('ok');
  /** How often each limit made a client wait or refused it something. */
  readonly limits = new ResultCounts(...LIMIT_NAMES);
}

/** Registers what only the concentrator can tell: who came, and which origins could be reached. */
export function registerConcentratorMetrics(
  registry: Registry,
  { handshakes, opens, limits }: ConcentratorCounts,
): void {
  registerResultCounter(
    registry,
    {
      name: 'tributary_handshakes_total',
      help: 'Subflow handshakes by result: hello, join, tls (not even TLS), or the name of the error',
    },
    handshakes,
  );
  registerResultCounter(
    registry,
    {
      name: 'tributary_stream_opens_total',
      help: 'Streams asked for by clients, by result: ok, or the name of the error',
    },
    opens,
  );
  registerCounter(registry, {
    name: 'tributary_limits_reached_total',
    help: 'Times that a limit made a client wait or refused it something, by limit',
    labelNames: ['limit'],
    *samples() {
      for (const [limit, count] of limits.entries()) yield [{ limit }, count];
    },
  });
}
