import { Counter, Gauge, type Registry } from 'prom-client';

/** One value of a metric, with its labels. */
export type Sample<Label extends string> = readonly [labels: Readonly<Record<Label, string>>, value: number];

/** A metric whose values are read from the program when it is scraped: counting costs nothing in between. */
export interface ScrapedMetric<Label extends string> {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly Label[];
  /** How the values of several processes of one program are put together; they are added up where absent. */
  readonly aggregator?: 'sum' | 'max' | 'min' | 'average' | 'first';
  /** All values there are now. Those with the same labels are added up. */
  samples(): Iterable<Sample<Label>>;
}

/** Registers a metric that only grows. */
export function registerCounter<Label extends string>(
  registry: Registry,
  metric: ScrapedMetric<Label>,
): void {
  new Counter({
    ...configuration(registry, metric),
    collect() {
      this.reset();
      for (const [labels, value] of metric.samples()) this.inc(labels, value);
    },
  });
}

/** Registers a metric that goes up and down. */
export function registerGauge<Label extends string>(registry: Registry, metric: ScrapedMetric<Label>): void {
  new Gauge({
    ...configuration(registry, metric),
    collect() {
      this.reset();
      for (const [labels, value] of metric.samples()) this.inc(labels, value);
    },
  });
}

function configuration<Label extends string>(
  registry: Registry,
  { name, help, labelNames, aggregator = 'sum' }: ScrapedMetric<Label>,
) {
  return { name, help, labelNames: [...labelNames], aggregator, registers: [registry] };
}
