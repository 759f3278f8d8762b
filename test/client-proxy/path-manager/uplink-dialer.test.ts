import { pino } from 'pino';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Backoff } from '../../../client-proxy/path-manager/backoff.ts';
import { subflowBound } from '../../../client-proxy/path-manager/subflow-bound.ts';
import { UplinkDialer } from '../../../client-proxy/path-manager/uplink-dialer.ts';
import type { SubflowTransport } from '../../../shared/runtime/net/subflow-transport.ts';

const UPLINK = { name: 'dsl', binding: { kind: 'address', address: '127.0.0.1' }, backup: false } as const;

/** A dialer whose subflows are numbers: how many dials go on at once, which have come up, which are retired. */
function bed() {
  const seen = {
    dialling: 0,
    mostDialling: 0,
    up: [] as number[],
    retired: [] as number[],
    removed: [] as number[],
    backups: [] as [number, boolean][],
    fails: false,
  };
  const dialer: UplinkDialer = new UplinkDialer({
    uplink: UPLINK,
    addresses: [{ host: '127.0.0.1', port: 1 }],
    backoff: new Backoff({ minMs: 100, maxMs: 100 }, () => 1),
    logger: pino({ enabled: false }),
    async connect() {
      seen.mostDialling = Math.max(seen.mostDialling, ++seen.dialling);
      await new Promise((resolve) => setTimeout(resolve, 10));
      seen.dialling--;
      if (seen.fails) throw new Error('no route');
      return { destroy() {} } as SubflowTransport;
    },
    async admit() {
      seen.up.push(seen.up.length);
      return seen.up.length - 1;
    },
    retire: (id) => seen.retired.push(id),
    remove: (id) => seen.removed.push(id),
    setBackup: (id, isBackup) => seen.backups.push([id, isBackup]),
    onDial() {},
  });
  dialer.start();
  return { dialer, seen };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('dials as many subflows as are wanted, one after the other', async () => {
  const { dialer, seen } = bed();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(seen.up).toEqual([0]);
  dialer.setWanted(4);
  await vi.advanceTimersByTimeAsync(1_000);
  expect([seen.up, seen.mostDialling, seen.retired]).toEqual([[0, 1, 2, 3], 1, []]);
});

it('retires the youngest when fewer are wanted, and dials none in their place', async () => {
  const { dialer, seen } = bed();
  dialer.setWanted(4);
  await vi.advanceTimersByTimeAsync(1_000);
  dialer.setWanted(2);
  expect(seen.retired).toEqual([3, 2]);
  for (const id of [3, 2]) dialer.onSubflowClosed(id);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(seen.up).toHaveLength(4);
});

it('retires one that was too many when a doubted one works again', async () => {
  const { dialer, seen } = bed();
  dialer.setWanted(2);
  await vi.advanceTimersByTimeAsync(1_000);
  for (const id of [0, 1]) dialer.onSubflowDoubted(id);
  dialer.onSubflowRecovered(1);
  await vi.advanceTimersByTimeAsync(1_000);
  // 0 was replaced by 2; what was begun for 1 is not needed.
  expect([seen.up, seen.retired]).toEqual([[0, 1, 2], []]);
  dialer.onSubflowDoubted(1);
  await vi.advanceTimersByTimeAsync(5);
  dialer.onSubflowRecovered(1);
  await vi.advanceTimersByTimeAsync(1_000);
  expect([seen.up, seen.retired]).toEqual([[0, 1, 2, 3], [3]]);
});

it('is up while further subflows fail, and tries them again with back-off', async () => {
  const { dialer, seen } = bed();
  await vi.advanceTimersByTimeAsync(1_000);
  seen.fails = true;
  dialer.setWanted(2);
  await vi.advanceTimersByTimeAsync(500);
  expect(dialer.status.isUp).toBe(true);
  seen.fails = false;
  await vi.advanceTimersByTimeAsync(500);
  expect(seen.up).toEqual([0, 1]);
});

it('makes its subflows backups and ordinary ones again', async () => {
  const { dialer, seen } = bed();
  await vi.advanceTimersByTimeAsync(1_000);
  dialer.setUse({ use: 'backup', reason: 'half of the volume is used' });
  expect([dialer.isBackup, seen.backups]).toEqual([true, [[0, true]]]);
  dialer.setUse({ use: 'normal', reason: '' });
  expect([dialer.isBackup, seen.backups.at(-1)]).toEqual([false, [0, false]]);
});

it('that is stopped has no subflow and dials none, until it is used again', async () => {
  const { dialer, seen } = bed();
  await vi.advanceTimersByTimeAsync(1_000);
  dialer.setUse({ use: 'stopped', reason: 'the volume is used up' });
  expect([seen.retired, dialer.status.reason]).toEqual([[0], 'stopped: the volume is used up']);
  await vi.advanceTimersByTimeAsync(10_000);
  expect([seen.up, seen.removed]).toEqual([[0], [0]]);
  dialer.setUse({ use: 'normal', reason: '' });
  await vi.advanceTimersByTimeAsync(1_000);
  expect(seen.up).toEqual([0, 1]);
});

it('that is stopped while it dials lets the subflow go', async () => {
  const { dialer, seen } = bed();
  await vi.advanceTimersByTimeAsync(5);
  dialer.setUse({ use: 'stopped', reason: 'the volume is used up' });
  await vi.advanceTimersByTimeAsync(1_000);
  expect([seen.up, dialer.status.isUp]).toEqual([[], false]);
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
