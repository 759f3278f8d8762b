import { expect, it } from 'vitest';
import type { ConfiguredUplink } from '../../../client-proxy/config/client-config.ts';
import { speedActions, speedData } from '../../../client-proxy/page/speed-actions.ts';
import type { SpeedReport, SpeedTestRequest } from '../../../client-proxy/speedtest/speed-report.ts';
import { type RunSpeedTest, SpeedTests } from '../../../client-proxy/speedtest/speed-tests.ts';
import { SpeedTestError } from '../../../client-proxy/speedtest/subjects.ts';
import { deferred } from '../../support/deferred.ts';

const REQUEST: SpeedTestRequest = { metered: false, maxBytes: 1_000_000, measurementMs: 1_000 };
const UPLINKS = [{ name: 'dsl' }, { name: 'lte', metered: {} }] as readonly unknown[] as ConfiguredUplink[];
const reportOf = (startedMs: number) => ({ startedMs }) as SpeedReport;

/** Tests that end when they are told. */
function bed(isPossible = true) {
  const runs: { request: SpeedTestRequest; end: ReturnType<typeof deferred<SpeedReport>> }[] = [];
  const run: RunSpeedTest = (request, onProgress, signal) => {
    const end = deferred<SpeedReport>();
    signal.addEventListener('abort', () => end.reject(signal.reason as Error));
    runs.push({ request, end });
    onProgress({ phase: 'alone', direction: 'down', uplinks: ['dsl'], bitsPerSecond: 1e6, share: 0.1 });
    return end.promise;
  };
  const tests = new SpeedTests({ run: isPossible ? run : undefined, uplinks: () => UPLINKS });
  return { tests, runs };
}

it('runs one at a time, and keeps ten results', async () => {
  const { tests, runs } = bed();
  expect(tests.state).toEqual({
    ...{ isPossible: true, running: null, problem: '', results: [] },
    uplinks: [
      { name: 'dsl', isMetered: false },
      { name: 'lte', isMetered: true },
    ],
  });
  for (let i = 0; i < 12; i++) {
    tests.start(REQUEST);
    expect(tests.state.running).toMatchObject({ phase: 'alone', share: 0.1 });
    expect(() => tests.start(REQUEST)).toThrow('runs already');
    runs[i]!.end.resolve(reportOf(i));
    await expect.poll(() => tests.state.running).toBeNull();
  }
  expect(tests.state.results.map(({ startedMs }) => startedMs)).toEqual([11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
});

it('tells why one has no result, until the next begins', async () => {
  const { tests, runs } = bed();
  tests.start(REQUEST);
  runs[0]!.end.reject(new SpeedTestError('there is no uplink now'));
  await expect.poll(() => tests.state.problem).toBe('there is no uplink now');
  tests.start(REQUEST);
  expect(tests.state.problem).toBe('');
  tests.stop();
  await expect.poll(() => tests.state).toMatchObject({ running: null, problem: 'it was stopped' });
  tests.stop();
});

it('starts none without a concentrator', () => {
  const { tests } = bed(false);
  expect(tests.state.isPossible).toBe(false);
  expect(() => tests.start(REQUEST)).toThrow('there is no concentrator to measure with');
});

it('is started and stopped by the page, which is told of it', async () => {
  const { tests, runs } = bed();
  const actions = new Map(speedActions(tests));
  const data = new Map(speedData(tests));
  await actions.get('speedtest-start')!({ metered: true, maxBytes: 5_000_000, seconds: 2 });
  expect(runs[0]!.request).toEqual({ metered: true, maxBytes: 5_000_000, measurementMs: 2_000 });
  expect(await data.get('speed')!(new URLSearchParams())).toMatchObject({ running: { share: 0.1 } });
  await expect(
    actions.get('speedtest-start')!({ metered: true, maxBytes: 5_000_000, seconds: 2 }),
  ).rejects.toMatchObject({ status: 409, message: 'a speed test runs already: wait for its end' });
  await actions.get('speedtest-stop')!({});
  await expect.poll(() => tests.state.running).toBeNull();
});

it.each([
  {},
  { metered: 'yes', maxBytes: 1, seconds: 1 },
  { metered: true, maxBytes: 1e12, seconds: 1 },
  { metered: true, maxBytes: 1, seconds: 1_000 },
  { metered: true, maxBytes: 1, seconds: 1, uplinks: ['x'] },
])('does not take %j', async (body) => {
  const { tests, runs } = bed();
  await expect(new Map(speedActions(tests)).get('speedtest-start')!(body)).rejects.toMatchObject({
    status: 400,
  });
  expect(runs).toEqual([]);
});
