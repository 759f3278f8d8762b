import type { MetricValue } from 'prom-client';
import { OTHER_CLIENTS } from '../usage/usage-count.ts';
import type { Metrics } from '../worker/calls.ts';

/** Rows of one metric that are kept of workers that have ended. Those beyond are left out, and begin at 0 again. */
const MAX_ROWS = 2_048;

interface Known {
  readonly pid: number | undefined;
  readonly metrics: Metrics;
}

/**
 * Keeps what workers have counted that have ended, or do not answer now. Without it a sum over workers would fall, which Prometheus
 * takes for a restart of all: it would count again whatever the others have counted since they began.
 */
export class KeptCounts {
  /** What each worker told last, by its index. */
  readonly #last = new Map<number, Known>();
  #ended: Metrics = [];

  /**
   * Takes what workers tell now.
   * @param pids of the workers, by index, when they were asked
   * @returns what is to be added up: that, and what is kept
   */
  take(
    pids: readonly (number | undefined)[],
    answers: readonly { readonly index: number; readonly answer: Metrics }[],
  ): readonly Metrics[] {
    for (const [index, { pid, metrics }] of this.#last) {
      if (pids[index] === pid) continue;
      this.#last.delete(index);
      this.#ended = summed(this.#ended, counted(metrics).map(withoutClients));
    }
    for (const { index, answer } of answers) this.#last.set(index, { pid: pids[index], metrics: answer });
    const answered = new Set(answers.map(({ index }) => index));
    const silent = [...this.#last].filter(([index]) => !answered.has(index));
    return [
      this.#ended,
      ...silent.map(([, { metrics }]) => counted(metrics)),
      ...answers.map(({ answer }) => answer),
    ];
  }
}

type Metric = Metrics[number];
type Row = MetricValue<string> & { readonly metricName?: string };

/** Those that only grow. */
function counted(metrics: Metrics): Metrics {
  return metrics.filter(
    ({ type, aggregator }) =>
      aggregator === 'sum' && (String(type) === 'counter' || String(type) === 'histogram'),
  );
}

/** All rows of a client are those of one worker, and begin again at another one: that is a restart. */
function withoutClients(metric: Metric): Metric {
  const values = metric.values.filter(
    ({ labels: { client } }) => client === undefined || client === OTHER_CLIENTS,
  );
  return { ...metric, values };
}

function summed(one: Metrics, other: Metrics): Metrics {
  const byName = new Map(one.map((metric) => [metric.name, metric]));
  for (const metric of other) {
    const before = byName.get(metric.name)?.values ?? [];
    byName.set(metric.name, { ...metric, values: summedRows(before, metric.values) });
  }
  return [...byName.values()];
}

function summedRows(one: readonly Row[], other: readonly Row[]): Row[] {
  const rows = new Map<string, Row>();
  for (const row of [...one, ...other]) {
    const key = `${row.metricName ?? ''} ${JSON.stringify(Object.entries(row.labels).sort())}`;
    const before = rows.get(key);
    if (before === undefined && rows.size >= MAX_ROWS) continue;
    rows.set(key, { ...row, value: (before?.value ?? 0) + row.value });
  }
  return [...rows.values()];
}
