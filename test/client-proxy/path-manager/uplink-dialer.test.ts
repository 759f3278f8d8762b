import { pino } from 'pino';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { PathDialer } from '../../../client-proxy/path-manager/path-dialer.ts';
import { UplinkDialer } from '../../../client-proxy/path-manager/uplink-dialer.ts';
import { Backoff } from '../../../shared/runtime/async/backoff.ts';

const HERE = { host: '192.0.2.1', port: 8443 };
const THERE = { host: '2001:db8::1', port: 8443 };
const DIAL_MS = 10;

/** An uplink that reaches nobody: over IPv4 it is told so, over IPv6 nothing answers. */
function bed() {
  const dialer = new UplinkDialer({
    uplink: { name: 'dsl', binding: { kind: 'interface', interface: 'eth0' }, backup: false },
    mode: 'per-family',
    host: {
      uplinkName: 'dsl',
      logger: pino({ enabled: false }),
      clock: () => performance.now(),
      async reach([target], _preferred, signal) {
        await new Promise<void>((resolve, reject) => {
          if (target?.host === HERE.host) setTimeout(resolve, DIAL_MS);
          signal.addEventListener('abort', () => reject(signal.reason));
        });
        throw new Error('no route');
      },
      admit: () => Promise.reject(new Error('never')),
      retire() {},
      remove() {},
      onDial() {},
      onChange() {},
    },
    setBackup() {},
    clear() {},
    newPath: (host) => new PathDialer(host, new Backoff({ minMs: 100, maxMs: 100 }, () => 1)),
  });
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
  expect([dialer.hasFailed, dialer.reason.reason]).toEqual([false, 'no route; not dialled yet']);
});

it('does not count a path whose address was withdrawn while it was dialled', async () => {
  const dialer = bed();
  dialer.setAddresses([HERE, THERE], 8);
  await vi.advanceTimersByTimeAsync(50);
  dialer.setAddresses([HERE], 8);
  await vi.advanceTimersByTimeAsync(50);
  expect([dialer.hasFailed, dialer.reason.reason]).toEqual([true, 'no route']);
});
