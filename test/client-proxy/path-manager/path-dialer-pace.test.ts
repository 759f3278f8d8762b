import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { PathError } from '../../../client-proxy/network/path-diagnosis/path-error.ts';
import { TributaryError } from '../../../shared/protocol/errors.ts';
import { bed, DIAL_MS, THERE } from './path-dialer-bed.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it.each([
  { what: 'an ordinary uplink', isMetered: false, pressing: [true, true, false, false] },
  { what: 'a metered uplink', isMetered: true, pressing: [false, false, false, false] },
])('presses on $what until a dial has failed', async ({ isMetered, pressing }) => {
  const { path, seen } = bed();
  seen.isMetered = isMetered;
  path.setTargets([THERE]);
  await vi.advanceTimersByTimeAsync(3_000);
  seen.pressing = [];
  path.onSubflowDoubted(0, false);
  await vi.advanceTimersByTimeAsync(100);
  seen.fails = true;
  path.onSubflowDoubted(1, false);
  while (seen.pressing.length < pressing.length) await vi.advanceTimersByTimeAsync(10);
  expect(seen.pressing).toEqual(pressing);
});

it.each([
  { what: 'as silent', code: 'timedOut', isMetered: false, leastDials: 55, mostDials: 66 },
  { what: 'as silent, metered', code: 'timedOut', isMetered: true, leastDials: 55, mostDials: 66 },
  {
    what: 'as silent, and it is known why',
    code: 'timedOut',
    finding: 'gateway-silent',
    isMetered: false,
    leastDials: 55,
    mostDials: 66,
  },
  { what: 'for other reasons', code: 'connectionRefused', isMetered: false, leastDials: 5, mostDials: 20 },
] as const)('tries a path that has worked and fails, $what, so often in a minute', async (one) => {
  const { path, seen } = bed({ minMs: 100, maxMs: 8_000 });
  await vi.advanceTimersByTimeAsync(3_000);
  Object.assign(seen, {
    fails: true,
    isMetered: one.isMetered,
    error:
      'finding' in one
        ? new PathError('dsl', one.code, one.finding, '')
        : new TributaryError(one.code, '', 'peer'),
  });
  const dials = () => seen.preferred.length;
  path.onSubflowClosed(0);
  const before = dials();
  await vi.advanceTimersByTimeAsync(59_000);
  expect(dials() - before).toBeGreaterThan(one.leastDials);
  expect(dials() - before).toBeLessThan(one.mostDials);
  const later = dials();
  await vi.advanceTimersByTimeAsync(61_000);
  // From then on only those that cost nothing are tried every second.
  if (one.isMetered) expect(dials() - later).toBeLessThan(20);
  else if (one.code === 'timedOut') expect(dials() - later).toBeGreaterThan(50);
});

it('tries a metered path that has fallen silent as often as others while the session is busy, and less often while it is not', async () => {
  const { path, seen } = bed({ minMs: 100, maxMs: 8_000 });
  await vi.advanceTimersByTimeAsync(3_000);
  Object.assign(seen, { fails: true, isMetered: true, error: new TributaryError('timedOut', '', 'peer') });
  path.onSubflowClosed(0);
  await vi.advanceTimersByTimeAsync(90_000);
  const dialsIn = async (ms: number) => {
    const before = seen.preferred.length;
    await vi.advanceTimersByTimeAsync(ms);
    return seen.preferred.length - before;
  };
  // Of 60 bytes each: less than a megabyte in a day.
  const idle = await dialsIn(600_000);
  expect(idle).toBeLessThan(100);
  seen.isBusy = true;
  path.onBusy();
  expect(seen.dialling).toBe(1);
  expect(await dialsIn(60_000)).toBeGreaterThan(50);
  seen.isBusy = false;
  expect(await dialsIn(600_000)).toBeLessThan(idle + 5);
});

it.each([
  { what: 'an ordinary uplink', isMetered: false, least: 38, most: 41 },
  { what: 'a metered one, by itself', isMetered: true, least: 5, most: 12 },
])(
  'that refuses is dialled so often in a minute while it is hurried: $what',
  async ({ isMetered, least, most }) => {
    const { path, seen } = bed({ minMs: 500, maxMs: 8_000 });
    Object.assign(seen, {
      fails: true,
      isMetered,
      error: new TributaryError('connectionRefused', '', 'peer'),
    });
    await vi.advanceTimersByTimeAsync(10_000);
    const before = seen.preferred.length;
    for (let nowMs = 0; nowMs < 60_000; nowMs += 1_500) {
      path.hurry();
      await vi.advanceTimersByTimeAsync(1_500);
    }
    expect(seen.preferred.length - before).toBeGreaterThanOrEqual(least);
    expect(seen.preferred.length - before).toBeLessThanOrEqual(most);
  },
);

it('dials at once after the loss of one that had lasted, or of the first that had not, and waits after others', async () => {
  const { path, seen } = bed();
  await vi.advanceTimersByTimeAsync(3_000);
  for (const [lost, up] of [
    [0, [0, 1]],
    [1, [0, 1, 2]],
  ] as const) {
    path.onSubflowClosed(lost);
    await vi.advanceTimersByTimeAsync(DIAL_MS + 1);
    expect(seen.up).toEqual(up);
  }
  path.onSubflowClosed(2);
  await vi.advanceTimersByTimeAsync(50);
  expect([seen.up, seen.dialling]).toEqual([[0, 1, 2], 0]);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(seen.up).toEqual([0, 1, 2, 3]);
});

it('holds back dials where all that come up are cut soon', async () => {
  const { path, seen } = bed({ minMs: 100, maxMs: 10_000 });
  for (let waitedMs = 0; waitedMs < 60_000; waitedMs += 10) {
    await vi.advanceTimersByTimeAsync(10);
    for (const subflowId of path.subflowIds) path.onSubflowClosed(subflowId);
  }
  expect(seen.up.length).toBeGreaterThan(5);
  expect(seen.up.length).toBeLessThan(20);
});

it('is dialled less and less often while each subflow ends as soon as it is up, and at once after a good one', async () => {
  const { path, seen } = bed({ minMs: 500, maxMs: 8_000 });
  for (let nowMs = 0; nowMs < 60_000; nowMs += 20) {
    await vi.advanceTimersByTimeAsync(20);
    if (path.isUp) path.onSubflowClosed(seen.up.at(-1)!);
  }
  expect(seen.up.length).toBeGreaterThan(8);
  expect(seen.up.length).toBeLessThan(13);
  await vi.advanceTimersByTimeAsync(60_000);
  const before = seen.up.length;
  path.onSubflowClosed(seen.up.at(-1)!);
  await vi.advanceTimersByTimeAsync(600);
  expect(seen.up).toHaveLength(before + 1);
});
