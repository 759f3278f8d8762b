import type { Registry } from 'prom-client';
import { registerResultCounter } from '../shared/runtime/observe/result-counter.ts';
import { ResultCounts } from '../shared/runtime/observe/result-counts.ts';
import { registerCounter, registerGauge } from '../shared/runtime/observe/scraped-metric.ts';
import type { HandshakeStage } from '../shared/runtime/subflow/pending-handshake.ts';
import { LIMIT_NAMES } from './limits/limit-hits.ts';
import type { PublishedPorts } from './publish/published-ports.ts';
import type { MemoryLevels } from './session/memory-levels.ts';

/** Where a connection waits before it is a subflow: the stages of TLS, and then as `applicant`, to say who it is. */
export type CrowdedStage = HandshakeStage | 'worker' | 'applicant';

/** Connections that found no place in their handshake, or lost it to others, by stage. */
export class CrowdedCounts {
  readonly #byStage: Readonly<Record<CrowdedStage, { refused: number; displaced: number }>> = {
    silent: { refused: 0, displaced: 0 },
    line: { refused: 0, displaced: 0 },
    tls: { refused: 0, displaced: 0 },
    worker: { refused: 0, displaced: 0 },
    applicant: { refused: 0, displaced: 0 },
  };

  add(stage: CrowdedStage, outcome: 'refused' | 'displaced'): void {
    this.#byStage[stage][outcome]++;
  }

  *samples(): Generator<[{ stage: string; outcome: string }, number]> {
    for (const [stage, { refused, displaced }] of Object.entries(this.#byStage)) {
      yield [{ stage, outcome: 'refused' }, refused];
      yield [{ stage, outcome: 'displaced' }, displaced];
    }
  }
}

/** What is counted as it happens at the concentrator; the metrics read it when they are scraped. */
export class ConcentratorCounts {
  /** Subflow handshakes: `hello`, `join`, or why not. */
  readonly handshakes = new ResultCounts();
  readonly crowded = new CrowdedCounts();
  /** Dials of origins: `ok`, or the name of the error. */
  readonly opens = new ResultCounts('ok');
  /** Visitors of published ports: `accepted`, or why not. */
  readonly visitors = new ResultCounts('accepted', 'not-allowed', 'limit');
  /** How often each limit made a client wait or refused it something. */
  readonly limits = new ResultCounts(...LIMIT_NAMES);
}

/** Registers what only the concentrator can tell: who came, which origins could be reached, and what clients hold. */
export function registerConcentratorMetrics(
  registry: Registry,
  { handshakes, crowded, opens, limits, visitors }: ConcentratorCounts,
  memory: MemoryLevels,
  published: Pick<PublishedPorts, 'all' | 'singleVisitors'>,
): void {
  registerPublished(registry, visitors, published);
  registerHandshakes(registry, { handshakes, crowded });
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
  registerGauge(registry, {
    name: 'tributary_memory_bytes',
    help: 'Memory that streams hold or were promised (limits.memoryTotal)',
    labelNames: [],
    *samples() {
      yield [{}, memory.total.usedBytes];
    },
  });
  registerGauge(registry, {
    name: 'tributary_largest_client_memory_bytes',
    help: 'What of it the client has that has most (limits.memoryPerClient)',
    labelNames: [],
    aggregator: 'max',
    *samples() {
      yield [{}, memory.largestClientBytes];
    },
  });
  registerCounter(registry, {
    name: 'tributary_memory_refusals_total',
    help: 'Streams that were refused or reset because there was no memory for them',
    labelNames: [],
    *samples() {
      yield [{}, memory.total.refusals];
    },
  });
}

/** What connections came to that arrived. */
export function registerHandshakes(
  registry: Registry,
  { handshakes, crowded }: Pick<ConcentratorCounts, 'handshakes' | 'crowded'>,
): void {
  registerResultCounter(
    registry,
    {
      name: 'tributary_handshakes_total',
      help: 'Subflow handshakes by result: hello, join, measurement, relayed (to the worker that has the session), tls (not even TLS), or the name of the error',
    },
    handshakes,
  );
  registerCounter(registry, {
    name: 'tributary_handshakes_crowded_total',
    help: 'Connections that others left no place for before they were subflows, by stage and outcome',
    labelNames: ['stage', 'outcome'],
    samples: () => crowded.samples(),
  });
}

function registerPublished(
  registry: Registry,
  visitors: ResultCounts,
  published: Pick<PublishedPorts, 'all' | 'singleVisitors'>,
): void {
  registerGauge(registry, {
    name: 'tributary_published_ports',
    help: 'Ports that clients have published, by state: listening, waiting (the client is not connected)',
    labelNames: ['state'],
    *samples() {
      const { all } = published;
      for (const state of ['listening', 'waiting']) {
        yield [{ state }, all.filter((port) => port.state === state).length];
      }
    },
  });
  registerGauge(registry, {
    name: 'tributary_visitors',
    help: 'Visitors who are there now, by how the port was asked for: publish, bind (BIND of SOCKS5)',
    labelNames: ['by'],
    *samples() {
      yield [{ by: 'publish' }, published.all.reduce((sum, port) => sum + port.visitors, 0)];
      yield [{ by: 'bind' }, published.singleVisitors];
    },
  });
  registerResultCounter(
    registry,
    {
      name: 'tributary_visits_total',
      help: 'Connections to published ports and to those of BIND, by result: accepted, not-allowed (visitors.allow and deny), limit, closed',
    },
    visitors,
  );
}
