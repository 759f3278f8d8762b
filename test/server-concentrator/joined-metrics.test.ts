import { Counter, Gauge, Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { joinedMetrics } from '../../server-concentrator/all-workers.ts';
import type { Metrics } from '../../server-concentrator/worker/calls.ts';
import { registerBuildInfo } from '../../shared/runtime/observe/build-info.ts';
import { registerHistogram } from '../../shared/runtime/observe/scraped-histogram.ts';
import { registerGauge } from '../../shared/runtime/observe/scraped-metric.ts';

async function ofProcess(value: number, isFirst = false): Promise<Metrics> {
  const registry = new Registry();
  registerBuildInfo(registry, { version: '1', nodeVersion: 'v20' });
  if (isFirst) new Gauge({ name: 'only_first', help: 'x', registers: [registry] }).set(5);
  else {
    new Counter({ name: 'bytes_total', help: 'x', labelNames: ['uplink'], registers: [registry] }).inc(
      { uplink: `u${value}` },
      value,
    );
    registerGauge(registry, {
      name: 'largest',
      help: 'x',
      labelNames: [],
      aggregator: 'max',
      samples: () => [[{}, value]],
    });
    registerHistogram(registry, {
      name: 'waits_seconds',
      help: 'x',
      labelNames: ['kind'],
      bounds: [1, 2],
      samples: () => [{ labels: { kind: 'a' }, counts: [value, 1, 0], sum: value }],
    });
  }
  return (await registry.getMetricsAsJSON()) as unknown as Metrics;
}

it('adds the metrics of processes up, each by what it is', async () => {
  const joined = joinedMetrics([await ofProcess(0, true), await ofProcess(2), await ofProcess(3)]);
  const text = await joined.metrics();
  for (const line of [
    'tributary_build_info{version="1",node_version="v20"} 1',
    'only_first 5',
    'bytes_total{uplink="u2"} 2',
    'bytes_total{uplink="u3"} 3',
    'largest 3',
    'waits_seconds_bucket{kind="a",le="1"} 5',
    'waits_seconds_bucket{kind="a",le="+Inf"} 7',
    'waits_seconds_sum{kind="a"} 5',
    'waits_seconds_count{kind="a"} 7',
  ]) {
    expect(text.split('\n')).toContain(line);
  }
  // What only one process can tell is that of the first.
  expect(text.match(/^process_start_time_seconds \d/gm)).toHaveLength(1);
});
