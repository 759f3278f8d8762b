import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { Meter } from '../../../client-proxy/metering/meter.ts';
import { registerMeteringMetrics } from '../../../client-proxy/metering/metering-metrics.ts';
import { WireTable } from '../../../client-proxy/metering/wire-table.ts';

it('the metrics tell bytes, caps and shares of each period, and nothing of caps that are not there', async () => {
  const nowMs = Date.parse('2026-11-23T12:00Z');
  const meter = new Meter(
    'lte',
    {
      rateLimit: { downBytesPerSecond: 0, upBytesPerSecond: 0 },
      monthlyBytes: 1_000,
      billingDay: 1,
      atCap: 'backup',
      warnAtShare: 0.5,
    },
    undefined,
    nowMs,
  );
  meter.add(200, 300, nowMs);
  const registry = new Registry();
  const wires = new WireTable(undefined, 2);
  wires.of('lte');
  registerMeteringMetrics(registry, {
    wires,
    meters: () => [meter],
    plans: () => new Map([['wwan0', 'lte']]),
  });
  const lines = (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  expect(lines).toEqual([
    'tributary_uplink_wire_bytes_total{uplink="lte",direction="sent",source="estimate"} 0',
    'tributary_uplink_wire_bytes_total{uplink="lte",direction="received",source="estimate"} 0',
    'tributary_uplink_plan_info{uplink="wwan0",plan="lte"} 1',
    'tributary_metered_bytes{plan="lte",period="day",direction="sent"} 200',
    'tributary_metered_bytes{plan="lte",period="day",direction="received"} 300',
    'tributary_metered_bytes{plan="lte",period="month",direction="sent"} 200',
    'tributary_metered_bytes{plan="lte",period="month",direction="received"} 300',
    'tributary_metered_cap_bytes{plan="lte",period="month"} 1000',
    'tributary_metered_used_ratio{plan="lte",period="month"} 0.5',
    'tributary_metered_warning{plan="lte",period="month"} 1',
  ]);
});
