import type { ChartSource } from '../../../shared/page-browser/chart.ts';
import { type ChartData, type Direction, Samples } from '../../../shared/page-browser/samples.ts';
import type { ClientHistoryReport } from '../client-history.ts';
import type { PageView } from '../page-view.ts';

/** Those that the chart does not show by themselves. No client has a blank in its name. */
export const REST = 'the rest';
const SUM = 'all clients';

/** What the busiest clients carried, and all together. */
export class ClientSamples implements ChartSource {
  readonly #samples = new Samples();

  get lastMs(): number {
    return this.#samples.lastMs;
  }

  get firstMs(): number {
    return this.#samples.firstMs;
  }

  load({ times, sum, clients }: ClientHistoryReport): void {
    this.#samples.load(times, [...clients, { name: SUM, ...sum }]);
  }

  add({ timeMs, top, sum }: PageView): void {
    this.#samples.add(timeMs, [...top, { name: SUM, ...sum }]);
  }

  /** @param names the last is `REST`: what all carried without the others */
  chart(names: readonly string[], direction: Direction, fromMs: number): ChartData {
    const shown = names.slice(0, -1);
    const { seconds, rates } = this.#samples.chart([...shown, SUM], direction, fromMs);
    const own = rates.slice(0, -1);
    const rest = rates.at(-1)!.map((sum, at) =>
      sum === null
        ? null
        : Math.max(
            0,
            own.reduce((left, rate) => left - (rate[at] ?? 0), sum),
          ),
    );
    return { seconds, rates: [...own, rest] };
  }
}
