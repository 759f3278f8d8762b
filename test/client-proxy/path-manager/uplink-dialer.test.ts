import { pino } from 'pino';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { ManagedSubflows } from '../../../client-proxy/path-manager/managed-subflows.ts';
import { PathPasts } from '../../../client-proxy/path-manager/path-pasts.ts';
import { UplinkDialer, type UplinkDialling } from '../../../client-proxy/path-manager/uplink-dialer.ts';
import { TributaryError } from '../../../shared/protocol/errors.ts';
import { Backoff } from '../../../shared/runtime/async/backoff.ts';
import type { SubflowTransport } from '../../../shared/runtime/subflow/subflow-transport.ts';
import { allLong } from '../packet-size/all-long.ts';

const HERE = { host: '192.0.2.1', port: 8443 };
const THERE = { host: '2001:db8::1', port: 8443 };
const DIAL_MS = 10;

/** An uplink that reaches nobody: over IPv4 it is told so, over IPv6 nothing answers. */
function bed(over: Partial<UplinkDialling> = {}) {
  const dialer = new UplinkDialer(
    { name: 'dsl', binding: { kind: 'interface', interface: 'eth0' }, backup: false },
    {
      mode: 'per-family',
      subflows: new ManagedSubflows({ driver: undefined, admit: () => Promise.reject(new Error('never')) }),
      logger: pino({ enabled: false }),
      clock: () => performance.now(),
      async reach(_uplink, [target], _preferred, signal) {
        await new Promise<void>((resolve, reject) => {
          if (target?.host === HERE.host) setTimeout(resolve, DIAL_MS);
          signal.addEventListener('abort', () => reject(signal.reason));
        });
        throw new TributaryError('networkFailure', 'no route', 'ours');
      },
      packetSizes: allLong(),
      newBackoff: () => new Backoff({ minMs: 100, maxMs: 100 }, () => 1),
      pasts: new PathPasts(),
      isBusy: () => false,
      hasUplink: () => true,
      onDial() {},
      onChange() {},
      ...over,
    },
  );
  dialer.setWanted(true);
  return dialer;
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('has failed once all of its paths have', async () => {
  const dialer = bed();
  dialer.setAddresses([HERE, THERE], 8);
  await vi.advanceTimersByTimeAsync(50);
  expect([dialer.demandView(0)?.hasFailed, dialer.reason.reason]).toEqual([
    false,
    'no route; not dialled yet',
  ]);
});

it('does not count a path whose address was withdrawn while it was dialled', async () => {
  const dialer = bed();
  dialer.setAddresses([HERE, THERE], 8);
  await vi.advanceTimersByTimeAsync(50);
  dialer.setAddresses([HERE], 8);
  await vi.advanceTimersByTimeAsync(50);
  expect([dialer.demandView(0)?.hasFailed, dialer.reason.reason]).toEqual([true, 'no route']);
});

it('tells the path that has a subflow, and no other, that it is gone', async () => {
  let ids = 0;
  const session = { driver: undefined, admit: async () => ids++ };
  const transport = { destroy() {} } as SubflowTransport;
  const dialer = bed({
    subflows: new ManagedSubflows(session),
    reach: async (_uplink, [target]) => ({ transport, address: target! }),
  });
  dialer.setAddresses([HERE, THERE], 8);
  await vi.advanceTimersByTimeAsync(50);
  expect(dialer.paths.subflowIds).toEqual([0, 1]);
  dialer.paths.onSubflowClosed(1);
  dialer.paths.onSubflowDoubted(7, true);
  expect([dialer.paths.isUp, dialer.paths.subflowIds]).toEqual([true, [0]]);
  await vi.advanceTimersByTimeAsync(200);
  expect(dialer.paths.subflowIds).toEqual([0, 2]);
  dialer.paths.onSubflowDoubted(0, true);
  dialer.paths.onSubflowDoubted(2, true);
  expect(dialer.paths.isUp).toBe(false);
  dialer.paths.onSubflowRecovered(2);
  expect(dialer.paths.isUp).toBe(true);
});

it('has more subflows than configured while paths are searched, and lets those go that are named', async () => {
  let ids = 0;
  const retired: number[] = [];
  const subflows = Object.assign(new ManagedSubflows({ driver: undefined, admit: async () => ids++ }), {
    retire: (id: number) => void retired.push(id),
  });
  const transport = { destroy() {} } as SubflowTransport;
  const reach: UplinkDialling['reach'] = async (_uplink, [target]) => ({ transport, address: target! });
  const dialer = bed({ mode: 'per-uplink', subflows, reach });
  dialer.setRole({ ...dialer.uplink, subflowsPerPath: 2 });
  dialer.setAddresses([HERE], 8);
  await vi.advanceTimersByTimeAsync(50);
  dialer.search(2, []);
  await vi.advanceTimersByTimeAsync(50);
  expect(dialer.paths.subflowIds).toEqual([0, 1, 2, 3]);
  dialer.search(1, [0, 2]);
  await vi.advanceTimersByTimeAsync(50);
  expect([dialer.paths.subflowIds, retired]).toEqual([
    [1, 3, 4],
    [0, 2],
  ]);
  dialer.search(0, [1]);
  await vi.advanceTimersByTimeAsync(50);
  expect(dialer.paths.subflowIds).toEqual([3, 4]);
});
