import type { Registry } from 'prom-client';
import { registerCounter, registerGauge } from '../../shared/runtime/observe/scraped-metric.ts';
import type { CapStatus, Meter } from './meter.ts';
import { totalBytes } from './usage.ts';
import type { WireTable } from './wire-table.ts';

export interface MeteringMetricsSource {
  readonly wires: WireTable;
  readonly meters: () => readonly Meter[];
}

/** Registers what uplinks cost: bytes on the wire of all, by period and against their caps of those that are metered. */
export function registerMeteringMetrics(registry: Registry, { wires, meters }: MeteringMetricsSource): void {
  registerCounter(registry, {
    name: 'tributary_uplink_wire_bytes_total',
    help: 'Bytes of IP packets on an uplink, headers, handshakes and repeats included, by direction and source (kernel, estimate)',
    labelNames: ['uplink', 'direction', 'source'],
    *samples() {
      const { source } = wires;
      for (const [uplink, counter] of wires.entries()) {
        const { sentBytes, receivedBytes } = counter.read();
        yield [{ uplink, direction: 'sent', source }, sentBytes];
        yield [{ uplink, direction: 'received', source }, receivedBytes];
      }
    },
  });
  registerGauge(registry, {
    name: 'tributary_metered_bytes',
    help: 'Bytes on the wire that a metered uplink has carried in the current period (day, month), by direction',
    labelNames: ['uplink', 'period', 'direction'],
    *samples() {
      for (const { uplink, kind: period, usage } of capsOf(meters())) {
        yield [{ uplink, period, direction: 'sent' }, usage.sentBytes];
        yield [{ uplink, period, direction: 'received' }, usage.receivedBytes];
      }
    },
  });
  for (const { name, help, value } of CAP_METRICS) {
    registerGauge(registry, {
      name,
      help,
      labelNames: ['uplink', 'period'],
      *samples() {
        for (const cap of capsOf(meters())) {
          const { uplink, kind: period, capBytes } = cap;
          if (capBytes !== undefined) yield [{ uplink, period }, value(cap, capBytes)];
        }
      },
    });
  }
}

/** What is told of each cap of a metered uplink. */
const CAP_METRICS: readonly {
  readonly name: string;
  readonly help: string;
  readonly value: (cap: CapStatus, capBytes: number) => number;
}[] = [
  {
    name: 'tributary_metered_cap_bytes',
    help: 'Most that a metered uplink may carry in a period',
    value: (_, capBytes) => capBytes,
  },
  {
    name: 'tributary_metered_used_ratio',
    help: 'Share of its cap that a metered uplink has used in the current period; 1 and more: the cap is reached',
    value: ({ usage }, capBytes) => totalBytes(usage) / capBytes,
  },
  {
    name: 'tributary_metered_warning',
    help: '1 once a metered uplink has used the share of its cap from which on it warns',
    value: ({ usage }) => (usage.isWarned ? 1 : 0),
  },
];

function capsOf(meters: readonly Meter[]): readonly (CapStatus & { readonly uplink: string })[] {
  return meters.flatMap(({ name, caps }) => caps.map((cap) => ({ uplink: name, ...cap })));
}
