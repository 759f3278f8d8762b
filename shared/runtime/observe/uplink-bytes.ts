import type { Registry } from 'prom-client';
import type { TrafficTable } from '../session/uplink-traffic.ts';
import { registerCounter } from './scraped-metric.ts';

/** Registers a counter of bytes by uplink and direction. @param names of uplinks that are told of before they have carried anything */
export function registerUplinkBytes(
  registry: Registry,
  { name, help }: { readonly name: string; readonly help: string },
  traffic: TrafficTable,
  names: () => readonly string[] = () => [],
): void {
  registerCounter(registry, {
    name,
    help,
    labelNames: ['uplink', 'direction'],
    *samples() {
      for (const name of names()) traffic.of(name);
      for (const [uplink, { sentBytes, receivedBytes }] of traffic.entries()) {
        yield [{ uplink, direction: 'sent' }, sentBytes];
        yield [{ uplink, direction: 'received' }, receivedBytes];
      }
    },
  });
}
