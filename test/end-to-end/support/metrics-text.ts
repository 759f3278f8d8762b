/** One metric of a Prometheus exposition. */
export interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly samples: readonly { readonly labels: Readonly<Record<string, string>>; readonly value: number }[];
}

export class MetricsText {
  readonly metrics: readonly Metric[];

  constructor(metrics: readonly Metric[]) {
    this.metrics = metrics;
  }

  /** The sum of a metric's samples that have these labels; 0 when there are none. */
  sum(name: string, labels: Readonly<Record<string, string>> = {}): number {
    const metric = this.metrics.find((candidate) => candidate.name === name);
    if (metric === undefined) throw new Error(`there is no metric ${name}`);
    const wanted = metric.samples.filter((sample) =>
      Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
    );
    return wanted.reduce((sum, { value }) => sum + value, 0);
  }
}

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)(?: \d+)?$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)",?/g;

/** Reads the Prometheus text format 0.0.4; throws for a line that is none of it. */
export function parseMetrics(text: string): MetricsText {
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  const byName = new Map<
    string,
    { name: string; help: string; type: string; samples: Metric['samples'][number][] }
  >();
  const of = (name: string) => {
    let metric = byName.get(name);
    if (metric === undefined) {
      metric = { name, help: '', type: '', samples: [] };
      byName.set(name, metric);
    }
    return metric;
  };
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const comment = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line);
    if (comment) {
      const metric = of(comment[2]!);
      if (comment[1] === 'HELP') metric.help = comment[3]!;
      else metric.type = comment[3]!;
      continue;
    }
    const sample = SAMPLE.exec(line);
    if (sample === null) throw new Error(`not a sample: ${line}`);
    const series = sample[1]!.replace(/_(?:bucket|sum|count)$/, (suffix) =>
      byName.has(sample[1]!) ? suffix : '',
    );
    const labels = Object.fromEntries(
      [...(sample[2] ?? '').matchAll(LABEL)].map(([, name, value]) => [name, value]),
    );
    of(series).samples.push({ labels, value: Number(sample[3]!.replace('Inf', 'Infinity')) });
  }
  return new MetricsText([...byName.values()]);
}
