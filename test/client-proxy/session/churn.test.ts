import { pino } from 'pino';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { UplinkSet } from '../../../client-proxy/discovery/uplink-set.ts';
import { ClientSession } from '../../../client-proxy/session/client-session.ts';
import { device, view } from '../network/views.ts';
import { sessionOptions } from './session-options.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** How often an uplink that refuses is dialled in a minute, while the network changes as `churn` has it, once a second. */
async function dialsInAMinute(churn: (set: UplinkSet, second: number) => void): Promise<number> {
  let dials = 0;
  const session = new ClientSession(
    {
      ...sessionOptions(),
      uplinks: [],
      clock: () => Date.now(),
      random: () => 0.5,
      backoff: { minMs: 500, maxMs: 8_000 },
      async connect() {
        dials++;
        throw new Error('refused');
      },
    },
    { onSubflowUp() {}, onGoingAway() {}, onClosed() {} },
  );
  const set = new UplinkSet({
    bindsByInterface: true,
    wallClock: Date.now,
    maxUplinks: 16,
    logger: pino({ enabled: false }),
  });
  set.follow(session.paths);
  const uplinks = [
    { name: 'lte', binding: { kind: 'interface', interface: 'wwan0' }, backup: false },
  ] as const;
  set.configure({ uplinks, subflowsPerPath: 'auto', standby: 'make-before-break' });
  set.onNetwork(view(device('wwan0')));
  session.start();
  for (let second = 0; second < 60; second++) {
    churn(set, second);
    await vi.advanceTimersByTimeAsync(1_000);
  }
  session.close('goingAway');
  return dials;
}

it('leaves the back-off of an uplink alone unless its own interface changes', async () => {
  const quiet = await dialsInAMinute(() => {});
  expect(quiet).toBeLessThan(15);
  const others = await dialsInAMinute((set, second) => {
    const veth = device('veth0', { index: 10 + second, kind: 'veth' });
    set.onNetwork(second % 2 === 0 ? view(device('wwan0'), veth) : view(device('wwan0')));
  });
  const own = await dialsInAMinute((set, second) => {
    set.onNetwork(view(device('wwan0', { hasCarrier: second % 2 === 0 })));
  });
  console.log(
    `measured: dials in a minute: ${quiet} by itself, ${others} with an interface that comes and goes, ${own} with its own carrier`,
  );
  expect(others).toBe(quiet);
  // At once, each time that it has its carrier again.
  expect(own).toBeGreaterThanOrEqual(30);
});
