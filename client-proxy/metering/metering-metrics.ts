import { Counter, Gauge, type Registry } from 'prom-client';
import type { CapStatus, Meter } from './meter.ts';
import { totalBytes } from './usage.ts';
import type { WireTable } from './wire-table.ts';

export interface MeteringMetricsSource {
  readonly wires: WireTable;
  readonly meters: () => readonly Meter[];
}

/** Registers what uplinks cost: bytes on the wire of all, by period and against their caps of those that are metered. */
export function registerMeteringMetrics(registry: Registry, { wires, meters }: MeteringMetricsSource): void {
  const registers = [registry];
  new Counter({
    name: 'tributary_uplink_wire_bytes_total',
    help: 'Bytes of IP packets on an uplink, headers, handshakes and repeats included, by direction and source (kernel, estimate)',
    labelNames: ['uplink', 'direction', 'source'],
    registers,
    collect() {
      this.reset();
      const { source } = wires;
      for (const [uplink, counter] of wires.entries()) {
        const { sentBytes, receivedBytes } = counter.read();
        this.inc({ uplink, direction: 'sent', source }, sentBytes);
        this.inc({ uplink, direction: 'received', source }, receivedBytes);
      }
    },
  });
  new Gauge({
    name: 'tributary_metered_bytes',
    help: 'Bytes on the wire that a metered uplink has carried in the current period (day, month), by direction',
    labelNames: ['uplink', 'period', 'direction'],
    registers,
    collect() {
      this.reset();
      for (const { uplink, kind: period, usage } of statuses()) {
        this.set({ uplink, period, direction: 'sent' }, usage.sentBytes);
        this.set({ uplink, period, direction: 'received' }, usage.receivedBytes);
      }
    },
  });
  perCap(
    'tributary_metered_cap_bytes',
    'Most that a metered uplink may carry in a period',
    (_, capBytes) => capBytes,
  );
  perCap(
    'tributary_metered_used_ratio',
    'Share of its cap that a metered uplink has used in the current period; 1 and more: the cap is reached',
    ({ usage }, capBytes) => totalBytes(usage) / capBytes,
  );
  perCap(
    'tributary_metered_warning',
    '1 once a metered uplink has used the share of its cap from which on it warns',
    ({ usage }) => (usage.isWarned ? 1 : 0),
  );

  function statuses() {
    return meters().flatMap(({ name, caps }) => caps.map((cap) => ({ uplink: name, ...cap })));
  }

  function perCap(name: string, help: string, value: (cap: CapStatus, capBytes: number) => number): void {
    new Gauge({
      name,
      help,
      labelNames: ['uplink', 'period'],
      registers,
      collect() {
        this.reset();
        for (const { uplink, ...cap } of statuses()) {
          if (cap.capBytes !== undefined) this.set({ uplink, period: cap.kind }, value(cap, cap.capBytes));
        }
      },
    });
  }
}
