import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { ClientCounts } from '../../client-proxy/client-counts.ts';
import { registerClientMetrics } from '../../client-proxy/client-metrics.ts';
import { quietMetrics } from '../support/quiet-metrics.ts';

it('counts dials by uplink, those of further uplinks together', async () => {
  const counts = new ClientCounts(2);
  for (const uplink of ['dsl', 'lte', 'usb0', 'usb1', 'dsl']) counts.dials.of(uplink).ok++;
  counts.dials.of('usb2').failed++;
  const registry = new Registry();
  const quiet = quietMetrics(counts);
  registerClientMetrics(registry, {
    ...quiet,
    front: () => ({ ...quiet.front(), accepted: 3, active: 1 }),
    refusedByAddress: () => 2,
  });
  const text = await registry.metrics();
  const dials = [...text.matchAll(/^tributary_uplink_dials_total\{uplink="(\w+)",result="(\w+)"\} (\d+)$/gm)];
  expect(dials.map(([, ...fields]) => fields.join(' '))).toEqual([
    'dsl ok 2',
    'dsl failed 0',
    'lte ok 1',
    'lte failed 0',
    'other ok 2',
    'other failed 1',
  ]);
  expect(text).toContain('tributary_application_accepts_total{result="accepted"} 3\n');
  expect(text).toContain('tributary_application_accepts_total{result="notAllowed"} 2\n');
  expect(text).toContain('tributary_application_connections 1\n');
});

it('tells results that have not come yet as 0, and counts others as they come', async () => {
  const counts = new ClientCounts(1);
  counts.opens.add('timedOut');
  counts.opens.add('timedOut');
  counts.decisions.block++;
  const registry = new Registry();
  registerClientMetrics(registry, quietMetrics(counts));
  const text = await registry.metrics();
  expect(text).toContain('tributary_stream_opens_total{result="ok"} 0\n');
  expect(text).toContain('tributary_stream_opens_total{result="timedOut"} 2\n');
  expect(text).toContain('tributary_direct_opens_total{result="ok"} 0\n');
  expect(text).toContain('tributary_steering_decisions_total{action="steer"} 0\n');
  expect(text).toContain('tributary_steering_decisions_total{action="block"} 1\n');
});
