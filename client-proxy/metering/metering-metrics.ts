import type { Registry } from 'prom-client';
import { registerCounter, registerGauge } from '../../shared/runtime/observe/scraped-metric.ts';
import type { CapStatus, Meter } from './meter.ts';
import { totalBytes } from './usage.ts';
import type { WireTable } from './wire-table.ts';

export interface MeteringMetricsSource {
  readonly wires: WireTable;
  /** Of the plans that uplinks belong to. */
  readonly meters: () => readonly Meter[];
  /** The plan of each metered uplink, by the uplink's name. */
  readonly plans: () => ReadonlyMap<string, string>;
}

/** Registers what uplinks cost: bytes on the wire of all, and by period and against their caps those of plans. */
export function registerMeteringMetrics(
  registry: Registry,
  { wires, meters, plans }: MeteringMetricsSource,
): void {
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
    name: 'tributary_uplink_plan_info',
    help: '1 for the plan that a metered uplink belongs to; one that was given none is a plan of its own',
    labelNames: ['uplink', 'plan'],
    *samples() {
      for (const [uplink, plan] of plans()) yield [{ uplink, plan }, 1];
    },
  });
  registerGauge(registry, {
    name: 'tributary_metered_bytes',
    help: 'Bytes on the wire that the uplinks of a plan have carried in the current period (day, month), by direction',
    labelNames: ['plan', 'period', 'direction'],
    *samples() {
      for (const { plan, kind: period, usage } of capsOf(meters())) {
        yield [{ plan, period, direction: 'sent' }, usage.sentBytes];
        yield [{ plan, period, direction: 'received' }, usage.receivedBytes];
      }
    },
  });
  for (const { name, help, value } of CAP_METRICS) {
    registerGauge(registry, {
      name,
      help,
      labelNames: ['plan', 'period'],
      *samples() {
        for (const cap of capsOf(meters())) {
          const { plan, kind: period, capBytes } = cap;
          if (capBytes !== undefined) yield [{ plan, period }, value(cap, capBytes)];
        }
      },
    });
  }
}

/** What is told of each cap of a plan. */
const CAP_METRICS: readonly {
  readonly name: string;
  readonly help: string;
  readonly value: (cap: CapStatus, capBytes: number) => number;
}[] = [
  {
    name: 'tributary_metered_cap_bytes',
    help: 'Most that the uplinks of a plan may carry in a period',
    value: (_, capBytes) => capBytes,
  },
  {
    name: 'tributary_metered_used_ratio',
    help: 'Share of its cap that a plan has used in the current period; 1 and more: the cap is reached',
    value: ({ usage }, capBytes) => totalBytes(usage) / capBytes,
  },
  {
    name: 'tributary_metered_warning',
    help: '1 once a plan has used the share of its cap from which on there is a warning',
    value: ({ usage }) => (usage.isWarned ? 1 : 0),
  },
];

function capsOf(meters: readonly Meter[]): readonly (CapStatus & { readonly plan: string })[] {
  return meters.flatMap(({ name, caps }) => caps.map((cap) => ({ plan: name, ...cap })));
}
