import type { Histogram, Registry } from 'prom-client';

/** One distribution, with its labels. */
export interface HistogramSample<Label extends string> {
  readonly labels: Readonly<Record<Label, string>>;
  /** Up to each bound and above the one before; one more for what is above all of them. */
  readonly counts: readonly number[];
  readonly sum: number;
}

export interface ScrapedHistogram<Label extends string> {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly Label[];
  /** Ascending. */
  readonly bounds: readonly number[];
  samples(): Iterable<HistogramSample<Label>>;
}

/** Registers a histogram whose values are read from the program when it is scraped. */
export function registerHistogram<Label extends string>(
  registry: Registry,
  metric: ScrapedHistogram<Label>,
): void {
  const { name, help } = metric;
  const get = async () => ({
    ...{ name, help, type: 'histogram', aggregator: 'sum' },
    values: [...metric.samples()].flatMap((sample) => valuesOf(metric, sample)),
  });
  // A histogram of `prom-client` counts by itself and cannot be set. This is the part of one that a registry reads.
  registry.registerMetric({ name, get } as unknown as Histogram<Label>);
}

function valuesOf<Label extends string>(
  { name, bounds }: ScrapedHistogram<Label>,
  { labels, counts, sum }: HistogramSample<Label>,
) {
  let total = 0;
  const buckets = [...bounds, '+Inf'].map((le, index) => {
    total += counts[index] ?? 0;
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: total };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: total },
  ];
}
