import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { DirectFlows } from '../../../../client-proxy/direct/balance/direct-flows.ts';
import { TrafficTable } from '../../../../shared/runtime/session/uplink-traffic.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function bench() {
  const totals = new TrafficTable(4);
  const rates: [string, number][] = [];
  const flows = new DirectFlows({
    trafficOf: (name) => totals.of(name),
    onRate: (name, bytesPerSecond) => rates.push([name, Math.round(bytesPerSecond)]),
    clock: () => Date.now(),
  });
  return { flows, totals, rates };
}

it('counts the bytes of each connection for its uplink', () => {
  const { flows, totals } = bench();
  const [one, other] = [flows.begin('a'), flows.begin('a')];
  one.sentBytes += 5;
  other.sentBytes += 7;
  other.receivedBytes += 11;
  expect({ ...totals.of('a') }).toEqual({ sentBytes: 12, receivedBytes: 11 });
  one.end();
  other.end();
  expect(vi.getTimerCount()).toBe(0);
});

it('tells what keeps an uplink busy, and what it delivers then', () => {
  const { flows, rates } = bench();
  const bulk = flows.begin('a');
  const idle = flows.begin('a');
  const voice = flows.begin('b');
  expect([flows.busyOf('a'), flows.busyOf('b'), flows.busyOf('c')]).toEqual([2, 1, 0]);
  for (let second = 0; second < 3; second++) {
    bulk.receivedBytes += 2_000_000;
    voice.receivedBytes += 20_000;
    idle.sentBytes += 100;
    vi.advanceTimersByTime(1_000);
  }
  expect([flows.busyOf('a'), flows.busyOf('b')]).toEqual([1, 1]);
  // The first second is that of a start; a voice says nothing of its uplink.
  expect(rates).toEqual([
    ['a', 2_000_100],
    ['a', 2_000_100],
  ]);
  bulk.end();
  bulk.end();
  expect(flows.busyOf('a')).toBe(0);
});
