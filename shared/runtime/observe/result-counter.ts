import { Counter, type CounterConfiguration, type Registry } from 'prom-client';

/**
 * Registers a counter with the one label `result`, for what happens with every connection: counts are handed to
 * prom-client when it is scraped, since its own way to find a label's count costs a microsecond or two each time.
 *
 * @returns counts one
 */
export function registerResultCounter(
  registry: Registry,
  { name, help }: Pick<CounterConfiguration<'result'>, 'name' | 'help'>,
): (result: string) => void {
  const counts = new Map<string, number>();
  new Counter({
    name,
    help,
    labelNames: ['result'],
    registers: [registry],
    collect() {
      this.reset();
      this.inc({ result: 'ok' }, 0);
      for (const [result, count] of counts) this.inc({ result }, count);
    },
  });
  return (result) => void counts.set(result, (counts.get(result) ?? 0) + 1);
}
