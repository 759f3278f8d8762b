import { AggregatorRegistry, type Registry } from 'prom-client';
import { registerCounter, registerGauge } from '../shared/runtime/observe/scraped-metric.ts';
import type { ConcentratorConfig } from './config/concentrator-config.ts';
import type { Insight } from './insight.ts';
import type { LookedAtSession } from './page/client-look.ts';
import type { PageFeedOptions } from './page/page-feed.ts';
import { type ConcentratorStatus, listReport, type WorkerReport } from './status/concentrator-status.ts';
import type { Metrics } from './worker/calls.ts';
import { lookedAtSessions, type SessionsLook } from './worker/sessions-look.ts';
import type { ClientsOfAll } from './workers/clients-of-all.ts';
import { KeptCounts } from './workers/kept-counts.ts';
import type { Placement } from './workers/placement.ts';
import type { WorkerPool } from './workers/worker-pool.ts';

export interface AllWorkersOptions {
  readonly pool: Pick<WorkerPool, 'ask' | 'workers'>;
  readonly placement: Pick<Placement, 'workers' | 'isAnyUp'>;
  readonly clients: Pick<ClientsOfAll, 'all' | 'get' | 'trouble' | 'usedBytes'>;
  /** The metrics of the first process, which may have some of the same names as those of workers. */
  readonly registry: Registry;
  /** As it holds now. */
  config(): ConcentratorConfig;
  readonly clock: PageFeedOptions['clock'];
  readonly wallClock: PageFeedOptions['wallClock'];
  readonly version: string;
  isClosing(): boolean;
}

/** What can be seen of all workers together. */
export class AllWorkers implements Insight {
  readonly registry: Registry;
  readonly view: PageFeedOptions;
  readonly #options: AllWorkersOptions;
  readonly #kept = new KeptCounts();
  #sessions: readonly LookedAtSession[] = [];
  #looks: readonly SessionsLook[] = [];
  #lookedMs = 0;
  #isLooking = false;

  constructor(options: AllWorkersOptions) {
    this.#options = options;
    this.registry = options.registry;
    registerWorkers(options);
    const { clock, wallClock, version, clients, config } = options;
    const all = this;
    this.view = {
      ...{ clock, wallClock, version },
      sessions: () => this.#look(),
      limitHits: { of: (clientId) => this.#hitsOf(clientId) },
      memory: {
        total: {
          get usedBytes() {
            return all.#sum(({ usedBytes }) => usedBytes);
          },
          get limitBytes() {
            return config().limits.memoryTotalBytes;
          },
        },
      },
      flows: () => this.#sum(({ flows }) => flows),
      isReady: () => this.ready().ok,
      list: () => this.#list(),
      entryOf: (clientId) => clients.get(clientId),
      usedBytes: (clientId) => clients.usedBytes(clientId),
    };
  }

  ready(): ReturnType<Insight['ready']> {
    const { placement, isClosing } = this.#options;
    if (isClosing()) return { ok: false, reasons: ['shutting down'] };
    return placement.isAnyUp ? { ok: true, reasons: [] } : { ok: false, reasons: ['no worker is up'] };
  }

  /** Of all processes in one text. */
  async metrics(): Promise<string> {
    const { pool, registry } = this.#options;
    const own = (await registry.getMetricsAsJSON()) as unknown as Metrics;
    const pids = pool.workers.map(({ pid }) => pid);
    const answers = await pool.ask('metrics', undefined);
    return joinedMetrics([own, ...this.#kept.take(pids, answers)]).metrics();
  }

  async status(): Promise<ConcentratorStatus> {
    const { pool, version, wallClock, config } = this.#options;
    const answers = await pool.ask('status', undefined);
    const { limits, datagrams } = config();
    const [first] = answers;
    const origins = answers.reduce((sum, { answer }) => sum + answer.limits.origins, 0);
    const { flowsPerClient, associationsPerClient, associations, idleTimeoutMs } = datagrams;
    return {
      program: 'tributary-concentrator',
      version,
      time: new Date(wallClock()).toISOString(),
      ready: this.ready().ok,
      clients: listReport(this.#list()),
      limits: {
        ...limits,
        dialsPerClient: first?.answer.limits.dialsPerClient ?? limits.dialsPerClient,
        namesPerClient: first?.answer.limits.namesPerClient ?? limits.namesPerClient,
        origins,
        datagrams: datagrams.enabled
          ? { flowsPerClient, associationsPerClient, associations, idleTimeoutMs }
          : null,
      },
      workers: this.#reports(),
      sessions: answers.flatMap(({ index, answer }) =>
        answer.sessions.map((session) => ({ ...session, worker: index + 1 })),
      ),
      published: answers.flatMap(({ answer }) => answer.published),
    };
  }

  #list(): ReturnType<PageFeedOptions['list']> {
    const { all, trouble } = this.#options.clients;
    return { known: all.length, trouble };
  }

  #reports(): readonly WorkerReport[] {
    const { pool, placement } = this.#options;
    return pool.workers.map(({ pid, restarts }, index) => {
      const { isUp, isSilent, sessions, load } = placement.workers[index]!;
      return {
        worker: index + 1,
        pid: pid ?? null,
        state: isSilent ? 'silent' : isUp ? 'up' : 'starting',
        sessions,
        load: Math.round(load * 1_000) / 1_000,
        restarts,
      };
    });
  }

  /** What came last, and asks for what comes next: whoever looks each second sees what was a second ago. */
  #look(): readonly LookedAtSession[] {
    if (!this.#isLooking) void this.#askAll();
    return this.#sessions;
  }

  async #askAll(): Promise<void> {
    this.#isLooking = true;
    const answers = await this.#options.pool.ask('look', undefined);
    this.#isLooking = false;
    this.#lookedMs = this.#options.clock();
    this.#looks = answers.map(({ answer }) => answer);
    this.#sessions = this.#looks.flatMap((look) => lookedAtSessions(look, this.#lookedMs));
  }

  #hitsOf(clientId: string): ReturnType<PageFeedOptions['limitHits']['of']> {
    const own = this.#looks.flatMap(({ limits }) => limits.filter((one) => one.clientId === clientId));
    return own.flatMap(({ hits }) =>
      hits.map(({ ageMs, ...hit }) => ({ ...hit, lastMs: this.#lookedMs - ageMs })),
    );
  }

  #sum(value: (look: SessionsLook) => number): number {
    return this.#looks.reduce((sum, look) => sum + value(look), 0);
  }
}

/**
 * The metrics of several processes as one, by the aggregator of each. What only one process can tell, as when it started, is the first
 * one's.
 */
export function joinedMetrics(all: readonly Metrics[]): Registry {
  const [first = []] = all;
  const alone = new Set(first.filter(({ aggregator }) => isOmitted(aggregator)).map(({ name }) => name));
  const told = all.map((metrics, i) =>
    metrics
      .filter(({ aggregator }) => i === 0 || !isOmitted(aggregator))
      .map((metric) => (alone.has(metric.name) ? { ...metric, aggregator: 'first' } : metric)),
  );
  return AggregatorRegistry.aggregate(told as unknown as object[]);
}

function isOmitted(aggregator: string): boolean {
  return aggregator === 'omit';
}

/** Registers what only several processes have. */
export function registerWorkers({
  registry,
  pool,
  placement,
}: {
  readonly registry: Registry;
  readonly pool: Pick<WorkerPool, 'workers'>;
  readonly placement: Pick<Placement, 'workers'>;
}): void {
  const label = (index: number) => ({ worker: String(index + 1) });
  registerGauge(registry, {
    name: 'tributary_worker_up',
    help: 'Whether a process of this number takes connections: 1, or 0 while it is started or does not answer',
    labelNames: ['worker'],
    samples: () =>
      placement.workers.map(
        ({ isUp, isSilent }, index) => [label(index), isUp && !isSilent ? 1 : 0] as const,
      ),
  });
  registerGauge(registry, {
    name: 'tributary_worker_sessions',
    help: 'Sessions of each process',
    labelNames: ['worker'],
    samples: () => placement.workers.map(({ sessions }, index) => [label(index), sessions] as const),
  });
  registerGauge(registry, {
    name: 'tributary_worker_load',
    help: 'How busy the event loop of each process was in the last second, 0 to 1',
    labelNames: ['worker'],
    samples: () => placement.workers.map(({ load }, index) => [label(index), load] as const),
  });
  registerCounter(registry, {
    name: 'tributary_worker_restarts_total',
    help: 'How often a process of this number has ended, and was replaced',
    labelNames: ['worker'],
    samples: () => pool.workers.map(({ restarts }, index) => [label(index), restarts] as const),
  });
}
