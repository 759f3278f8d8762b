import { Registry } from 'prom-client';
import { expect, it, vi } from 'vitest';
import { registerBuildInfo } from '../../../shared/runtime/observe/build-info.ts';
import { registerLoopDelays } from '../../../shared/runtime/observe/loop-delay-metrics.ts';

const DELAYS = { min: 1, max: 7, mean: 3, stddev: 2, p50: 4, p90: 5, p99: 6 };

async function delaysOf(registry: Registry): Promise<Record<string, number>> {
  const text = await registry.metrics();
  const found = text.matchAll(/^nodejs_eventloop_lag_(\w+)_seconds (\S+)$/gm);
  return Object.fromEntries([...found].map(([, figure, value]) => [figure, Number(value)]));
}

it('tells the delays since the last scrape beside the metrics of the process', async () => {
  const registry = new Registry();
  registerBuildInfo(registry, { version: '1', nodeVersion: '2' });
  expect(await delaysOf(registry)).toEqual({});
  const take = vi.fn<() => typeof DELAYS | undefined>(() => DELAYS);
  registerLoopDelays(registry, take);
  expect(await delaysOf(registry)).toEqual(DELAYS);
  expect(take).toHaveBeenCalledTimes(1);
  take.mockReturnValue(undefined);
  // Nothing was measured since.
  expect((await delaysOf(registry)).max).toBe(0);
  expect(await registry.metrics()).toMatch(/^nodejs_eventloop_lag_seconds /m);
});
