import { pino } from 'pino';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { PathError } from '../../../client-proxy/network/path-diagnosis/path-error.ts';
import { PathDialer } from '../../../client-proxy/path-manager/path-dialer.ts';
import { PathPast } from '../../../client-proxy/path-manager/path-pasts.ts';
import type { PathTarget } from '../../../client-proxy/path-manager/paths.ts';
import { subflowBound } from '../../../client-proxy/path-manager/subflow-bound.ts';
import { TributaryError } from '../../../shared/protocol/errors.ts';
import { Backoff } from '../../../shared/runtime/async/backoff.ts';
import type { SubflowTransport } from '../../../shared/runtime/subflow/subflow-transport.ts';

const HERE: PathTarget = { host: '127.0.0.1', port: 1, families: [4] };
const THERE: PathTarget = { host: '127.0.0.1', port: 2, families: [4] };
const DIAL_MS = 10;

/** A path whose subflows are numbers: how many dials go on at once, which have come up, which are retired. */
function bed(backoff = { minMs: 100, maxMs: 100 }) {
  const seen = {
    dialling: 0,
    mostDialling: 0,
    up: [] as number[],
    retired: [] as number[],
    removed: [] as number[],
    ports: [] as number[],
    preferred: [] as (number | undefined)[],
    failed: [] as (number | undefined)[],
    pressing: [] as boolean[],
    trials: 0,
    isTrialDue: false,
    fails: false,
    admitMs: 0,
    admitting: 0,
    answer: undefined as TributaryError | undefined,
    refuses: false,
    destroyed: 0,
    isMetered: false,
    isBusy: false,
    error: new TributaryError('networkFailure', 'no route', 'ours'),
  };
  const past = new PathPast();
  const path: PathDialer = new PathDialer(
    {
      uplinkName: 'dsl',
      logger: pino({ enabled: false }),
      clock: () => performance.now(),
      isMetered: () => seen.isMetered,
      isBusy: () => seen.isBusy,
      async reach([target], { preferred, failed, isTrial = false, isPressing = false }, signal) {
        seen.mostDialling = Math.max(seen.mostDialling, ++seen.dialling);
        seen.preferred.push(preferred?.port);
        seen.failed.push(failed?.port);
        seen.pressing.push(isPressing);
        seen.trials += Number(isTrial);
        await new Promise<void>((resolve, reject) => {
          setTimeout(resolve, DIAL_MS);
          signal.addEventListener('abort', () => reject(signal.reason));
        }).finally(() => seen.dialling--);
        if (seen.fails) throw seen.error;
        const destroy = () => seen.destroyed++;
        return { transport: { destroy: () => void destroy() } as SubflowTransport, address: target! };
      },
      async admit(_transport, { port }) {
        seen.admitting++;
        if (seen.admitMs > 0) await new Promise((resolve) => setTimeout(resolve, seen.admitMs));
        if (seen.answer !== undefined) throw seen.answer;
        if (seen.refuses) throw new TributaryError('notAuthorized', 'refused', 'peer');
        seen.up.push(seen.up.length);
        seen.ports.push(port);
        return seen.up.length - 1;
      },
      retire: (id) => seen.retired.push(id),
      remove: (id) => seen.removed.push(id),
      isTrialDue: () => seen.isTrialDue,
      onTrial() {
        seen.isTrialDue = false;
      },
      onDial() {},
      onChange() {},
    },
    new Backoff(backoff, () => 1),
    past,
  );
  path.setTargets([HERE]);
  path.setWanted(1);
  return { path, seen, past };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('dials as many subflows as are wanted, one after the other', async () => {
  const { path, seen } = bed();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(seen.up).toEqual([0]);
  path.setWanted(4);
  await vi.advanceTimersByTimeAsync(1_000);
  expect([seen.up, seen.mostDialling, seen.retired]).toEqual([[0, 1, 2, 3], 1, []]);
});

it('retires the youngest when fewer are wanted, and dials none in their place', async () => {
  const { path, seen } = bed();
  path.setWanted(4);
  await vi.advanceTimersByTimeAsync(1_000);
  path.setWanted(2);
  expect(seen.retired).toEqual([3, 2]);
  for (const id of [3, 2]) path.onSubflowClosed(id);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(seen.up).toHaveLength(4);
});

it('gives up what it dials in place of a doubted one that works again', async () => {
  const { path, seen } = bed();
  path.setWanted(2);
  await vi.advanceTimersByTimeAsync(1_000);
  for (const id of [0, 1]) path.onSubflowDoubted(id, true);
  path.onSubflowRecovered(1);
  await vi.advanceTimersByTimeAsync(1_000);
  // 0 was replaced by 2; what was begun for 1 is not needed.
  expect([seen.up, seen.retired]).toEqual([[0, 1, 2], []]);
  path.onSubflowDoubted(1, true);
  await vi.advanceTimersByTimeAsync(5);
  path.onSubflowRecovered(1);
  await vi.advanceTimersByTimeAsync(1_000);
  expect([seen.up, seen.retired]).toEqual([[0, 1, 2], []]);
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

it('has not failed while its subflow may only pause, and dials all the same', async () => {
  const { path, seen } = bed();
  await vi.advanceTimersByTimeAsync(1_000);
  path.onSubflowDoubted(0, false);
  path.onSubflowDoubted(0, false);
  expect([path.isUp, path.hasFailed]).toEqual([false, false]);
  path.onSubflowDoubted(0, true);
  expect(path.hasFailed).toBe(true);
  await vi.advanceTimersByTimeAsync(1_000);
  expect([seen.up, path.isUp, path.hasFailed, path.subflowIds]).toEqual([[0, 1], true, false, [1]]);
});

it.each([
  { what: 'works again, and then goes', isFailed: false, retired: [0] },
  { what: 'has failed', isFailed: true, retired: [] },
])('keeps a subflow that may only pause beside the one that was dialled, until it $what', async (one) => {
  const { path, seen } = bed();
  path.setWanted(1);
  await vi.advanceTimersByTimeAsync(1_000);
  path.onSubflowDoubted(0, false);
  await vi.advanceTimersByTimeAsync(100);
  expect([path.subflowIds, path.isUp]).toEqual([[0, 1], true]);
  if (one.isFailed) path.onSubflowDoubted(0, true);
  else path.onSubflowRecovered(0);
  expect([seen.retired, path.isUp, path.hasFailed]).toEqual([one.retired, true, false]);
  // What has failed while another worked says nothing of the address.
  path.onSubflowClosed(1);
  await vi.advanceTimersByTimeAsync(1_000);
  if (one.isFailed) expect(seen.failed.slice(0, 2)).toEqual([undefined, undefined]);
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

it('is silent for the next session when nothing was heard over it at all, until it comes up', async () => {
  const { path, seen, past } = bed();
  const silentAt = () => past.isSilent(performance.now());
  await vi.advanceTimersByTimeAsync(1_000);
  Object.assign(seen, { fails: true, error: new TributaryError('timedOut', '', 'peer') });
  // A further subflow that fails says nothing of the path.
  path.setWanted(2);
  await vi.advanceTimersByTimeAsync(1_000);
  path.onSubflowDoubted(0, false);
  expect([path.isUp, silentAt()]).toEqual([false, false]);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(silentAt()).toBe(true);
  path.onSubflowRecovered(0);
  expect([path.hasFailed, silentAt()]).toEqual([false, false]);
  path.onSubflowDoubted(0, true);
  expect(silentAt()).toBe(true);
  seen.fails = false;
  await vi.advanceTimersByTimeAsync(1_000);
  expect([path.isUp, silentAt()]).toEqual([true, false]);
});

it.each(['connectionRefused', 'sessionUnknown', 'goingAway'] as const)(
  'is not silent for the next session once %s was the answer, also where that ends this one',
  async (code) => {
    for (const isEnd of [false, true]) {
      const { path, seen, past } = bed();
      const silentAt = () => past.isSilent(performance.now());
      Object.assign(seen, { fails: true, error: new TributaryError('timedOut', '', 'peer') });
      await vi.advanceTimersByTimeAsync(1_000);
      expect(silentAt()).toBe(true);
      Object.assign(seen, { fails: false, answer: new TributaryError(code, '', 'peer'), admitMs: 20 });
      while (seen.admitting === 0) await vi.advanceTimersByTimeAsync(1);
      if (isEnd) path.stop();
      await vi.advanceTimersByTimeAsync(1_000);
      expect(silentAt()).toBe(false);
      path.stop();
    }
  },
);

it('is not silent for the next session where somebody has refused', async () => {
  const { path, seen, past } = bed();
  Object.assign(seen, { fails: true, error: new TributaryError('connectionRefused', '', 'peer') });
  await vi.advanceTimersByTimeAsync(1_000);
  expect([path.hasFailed, past.isSilent(performance.now())]).toEqual([true, false]);
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

it('retires a certain one, and dials another in its place only where it is wanted', async () => {
  const { path, seen } = bed();
  path.setWanted(3);
  await vi.advanceTimersByTimeAsync(1_000);
  path.retire(1);
  path.setWanted(2);
  await vi.advanceTimersByTimeAsync(1_000);
  expect([seen.up, seen.retired]).toEqual([[0, 1, 2], [1]]);
  path.retire(0);
  path.setWanted(2);
  await vi.advanceTimersByTimeAsync(1_000);
  expect([seen.up, seen.retired]).toEqual([
    [0, 1, 2, 3],
    [1, 0],
  ]);
});

it('is up while further subflows fail, and tries them again with back-off', async () => {
  const { path, seen } = bed();
  await vi.advanceTimersByTimeAsync(1_000);
  seen.fails = true;
  path.setWanted(2);
  await vi.advanceTimersByTimeAsync(500);
  expect(path.isUp).toBe(true);
  seen.fails = false;
  await vi.advanceTimersByTimeAsync(500);
  expect(seen.up).toEqual([0, 1]);
});

it('gives a dial to other targets up, and keeps subflows that are up', async () => {
  const { path, seen } = bed();
  await vi.advanceTimersByTimeAsync(5);
  path.setTargets([THERE]);
  await vi.advanceTimersByTimeAsync(DIAL_MS);
  expect([seen.ports, seen.mostDialling]).toEqual([[2], 1]);
  path.setTargets([HERE]);
  await vi.advanceTimersByTimeAsync(1_000);
  expect([seen.up, seen.retired]).toEqual([[0], []]);
});

it('keeps what is connected already when its targets go, and is not over before', async () => {
  const { path, seen } = bed();
  seen.admitMs = 20;
  await vi.advanceTimersByTimeAsync(DIAL_MS + 5);
  path.setTargets([]);
  expect(path.isOver).toBe(false);
  await vi.advanceTimersByTimeAsync(1_000);
  expect([seen.up, path.isUp]).toEqual([[0], true]);
  path.onSubflowClosed(0);
  await vi.advanceTimersByTimeAsync(1_000);
  expect([seen.up, path.isOver]).toEqual([[0], true]);
});

it('leaves an address that the concentrator has withdrawn, for another', async () => {
  const { path, seen } = bed();
  path.setWanted(2);
  await vi.advanceTimersByTimeAsync(1_000);
  path.setTargets([THERE]);
  path.leaveAddress(HERE);
  await vi.advanceTimersByTimeAsync(1_000);
  expect([seen.retired, seen.ports]).toEqual([
    [0, 1],
    [1, 1, 2, 2],
  ]);
});

it('tries first what answered last', async () => {
  const { path, seen } = bed();
  await vi.advanceTimersByTimeAsync(1_000);
  path.onSubflowClosed(0);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(seen.preferred).toEqual([undefined, 1]);
});

it('that is not wanted any more lets its subflows go, and one that comes then', async () => {
  const { path, seen } = bed();
  await vi.advanceTimersByTimeAsync(1_000);
  path.setWanted(2);
  await vi.advanceTimersByTimeAsync(5);
  path.setWanted(0);
  await vi.advanceTimersByTimeAsync(1_000);
  expect([seen.up, seen.retired, path.isUp]).toEqual([[0], [0], false]);
  path.setWanted(1);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(seen.up).toEqual([0, 1]);
});

it('has failed once a dial has, and until one has not', async () => {
  const { path, seen } = bed();
  seen.fails = true;
  expect(path.hasFailed).toBe(false);
  await vi.advanceTimersByTimeAsync(50);
  expect([path.hasFailed, path.reason.reason]).toEqual([true, 'no route']);
  seen.fails = false;
  await vi.advanceTimersByTimeAsync(1_000);
  expect(path.hasFailed).toBe(false);
  path.onSubflowClosed(0);
  expect([path.hasFailed, path.reason.reason]).toEqual([true, 'its subflow was lost']);
});

it('leaves no connection open that the session does not take', async () => {
  const { path, seen } = bed();
  seen.refuses = true;
  await vi.advanceTimersByTimeAsync(DIAL_MS);
  expect([path.reason.reason, seen.destroyed]).toEqual(['refused', 1]);
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

it('does not tell an old reason when it is wanted again, nor one of another end', async () => {
  const { path, seen } = bed();
  await vi.advanceTimersByTimeAsync(50);
  path.leaveAddress(HERE);
  expect(path.reason.reason).toBe('the concentrator withdrew the address');
  seen.fails = true;
  await vi.advanceTimersByTimeAsync(50);
  expect(path.reason.reason).toBe('no route');
  path.setWanted(0);
  path.setWanted(1);
  expect(path.reason.reason).toBe('not dialled yet');
});

it.each([
  { maxSubflows: 32, uplinks: 1, bound: 8 },
  { maxSubflows: 32, uplinks: 2, bound: 8 },
  { maxSubflows: 32, uplinks: 5, bound: 5 },
  { maxSubflows: 32, uplinks: 16, bound: 1 },
  { maxSubflows: 4, uplinks: 8, bound: 1 },
  { maxSubflows: undefined, uplinks: 1, bound: 1 },
])(
  'each of $uplinks uplinks has at most $bound of $maxSubflows subflows',
  ({ maxSubflows, uplinks, bound }) => {
    expect(subflowBound(maxSubflows, uplinks)).toBe(bound);
  },
);

it('dials one more to renew, and goes on as before when that is up', async () => {
  const { path, seen } = bed();
  path.setWanted(2);
  await vi.advanceTimersByTimeAsync(1_000);
  path.renew();
  await vi.advanceTimersByTimeAsync(1_000);
  expect([seen.up, seen.retired]).toEqual([[0, 1, 2], [2]]);
});

it('renews as soon as it can, and loses nothing until then', async () => {
  const { path, seen } = bed();
  await vi.advanceTimersByTimeAsync(1_000);
  seen.refuses = true;
  path.renew();
  await vi.advanceTimersByTimeAsync(1_000);
  expect([path.isUp, seen.up, seen.retired]).toEqual([true, [0], []]);
  seen.refuses = false;
  await vi.advanceTimersByTimeAsync(1_000);
  expect([seen.up, seen.retired]).toEqual([[0, 1], [1]]);
});

it('renews by another one than that which was about to enter', async () => {
  const { path, seen } = bed();
  seen.admitMs = 50;
  await vi.advanceTimersByTimeAsync(DIAL_MS + 10);
  path.renew();
  await vi.advanceTimersByTimeAsync(1_000);
  expect([seen.up, seen.retired]).toEqual([[0, 1], [1]]);
});

it('renews nothing where nothing is wanted', async () => {
  const { path, seen } = bed();
  await vi.advanceTimersByTimeAsync(1_000);
  path.setWanted(0);
  path.renew();
  await vi.advanceTimersByTimeAsync(1_000);
  path.setWanted(1);
  await vi.advanceTimersByTimeAsync(1_000);
  expect([seen.up, seen.retired]).toEqual([[0, 1], [0]]);
});

it('tries the address last where a subflow has failed', async () => {
  const { path, seen } = bed();
  await vi.advanceTimersByTimeAsync(1_000);
  path.onSubflowDoubted(0, true);
  await vi.advanceTimersByTimeAsync(1_000);
  path.renew();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(seen.failed).toEqual([undefined, HERE.port, undefined]);
});

it('puts a subflow with packets of full length in the place of one with short ones, where they get through', async () => {
  const { path, seen } = bed();
  const tryAgain = async () => {
    seen.isTrialDue = true;
    path.tryFullSize();
    await vi.advanceTimersByTimeAsync(1_000);
  };
  await vi.advanceTimersByTimeAsync(1_000);
  seen.fails = true;
  await tryAgain();
  expect([seen.trials, seen.up, seen.retired, path.hasFailed]).toEqual([1, [0], [], false]);
  seen.fails = false;
  await tryAgain();
  expect([seen.trials, seen.up, seen.retired]).toEqual([2, [0, 1], [0]]);
});

it('dials what is lost while full packets are tried', async () => {
  const { path, seen } = bed();
  await vi.advanceTimersByTimeAsync(1_000);
  seen.isTrialDue = true;
  seen.admitMs = 5_000;
  path.tryFullSize();
  await vi.advanceTimersByTimeAsync(100);
  seen.admitMs = 0;
  path.onSubflowClosed(0);
  await vi.advanceTimersByTimeAsync(1_000);
  expect([path.isUp, seen.up]).toEqual([true, [0, 1]]);
});
