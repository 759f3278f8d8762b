import { Histogram, type Registry } from 'prom-client';

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
  const { name, help, labelNames, bounds } = metric;
  const configuration = { name, help, labelNames: [...labelNames], buckets: [...bounds], registers: [] };
  registry.registerMetric(new ReadHistogram(configuration, metric));
}

/** `prom-client` has no way to set what a histogram has counted. */
class ReadHistogram<Label extends string> extends Histogram<Label> {
  readonly #metric: ScrapedHistogram<Label>;

  constructor(
    configuration: ConstructorParameters<typeof Histogram<Label>>[0],
    metric: ScrapedHistogram<Label>,
  ) {
    super(configuration);
    this.#metric = metric;
  }

  override async get() {
    const told = await super.get();
    return { ...told, values: [...this.#metric.samples()].flatMap((sample) => this.#values(sample)) };
  }

  #values({ labels, counts, sum }: HistogramSample<Label>) {
    const { name, bounds } = this.#metric;
    let total = 0;
    const buckets = [...bounds, '+Inf'].map((le, index) => {
      total += counts[index] ?? 0;
      return { metricName: `${name}_bucket`, exemplar: null, labels: { ...labels, le }, value: total };
    });
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels, value: sum },
      { metricName: `${name}_count`, labels, value: total },
    ];
  }
}
