import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { sourceOf } from '../../../shared/runtime/admission/source.ts';
import { TlsTurns } from '../../../shared/runtime/admission/tls-turns.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

/** 400 in a second: 200 for all, 200 kept for the proven; 25 for a host and 50 for a network, of which they may save up 4 s. */
function bed(perSecond = 400) {
  const begun: string[] = [];
  const turns = new TlsTurns<{ address: string }>({
    perSecond,
    clock: () => performance.now(),
    onTurn: ({ address }) => begun.push(address),
  });
  const come = (address: string, isProven = false) => {
    const guest = { address };
    if (turns.request(guest, { source: sourceOf(address), isProven })) begun.push(address);
    return guest;
  };
  /** What began since the last call, by the beginning of the address. */
  const took = (prefix: string) => begun.filter((address) => address.startsWith(prefix)).length;
  return { turns, come, begun, took };
}

it('lets those begin at once who come one by one', () => {
  const { come, begun } = bed();
  for (let i = 0; i < 20; i++) {
    come('10.0.0.1');
    vi.advanceTimersByTime(100);
  }
  expect(begun).toHaveLength(20);
  expect(vi.getTimerCount()).toBe(0);
});

it('begins with strangers as often as is said, and keeps the other half for those who are proven', () => {
  const { come, took } = bed();
  for (let i = 0; i < 1_000; i++) come(`10.${i >> 8}.${i & 255}.1`);
  for (let i = 0; i < 500; i++) come(`11.${i >> 8}.${i & 255}.1`, true);
  expect(took('1')).toBe(26);
  vi.advanceTimersByTime(1_000);
  // 25 at once and 200 in the second, and as many again from the reserve.
  expect(took('10.')).toBeGreaterThan(190);
  expect(took('10.')).toBeLessThan(230);
  expect(took('11.')).toBeGreaterThan(200);
  expect(took('11.')).toBeLessThan(230);
});

it('gives strangers of the reserve what nobody else needs', () => {
  const { come, took } = bed();
  for (let i = 0; i < 1_000; i++) come(`10.${i >> 8}.${i & 255}.1`);
  vi.advanceTimersByTime(1_000);
  expect(took('10.')).toBeGreaterThan(320);
  expect(took('10.')).toBeLessThanOrEqual(430);
  for (let i = 0; i < 20; i++) come(`11.0.${i}.1`, true);
  vi.advanceTimersByTime(10);
  expect(took('11.')).toBe(20);
});

it('a proven host waits no more than a moment in a flood from everywhere', () => {
  const { come, begun } = bed();
  for (let i = 0; i < 2_000; i++) come(`10.${i >> 8}.${i & 255}.1`);
  come('10.0.1.2', true);
  vi.advanceTimersByTime(10);
  expect(begun).toContain('10.0.1.2');
});

it('a network that is new is served before those that have begun many', () => {
  const { come, begun } = bed();
  for (let second = 0; second < 4; second++) {
    for (let i = 0; i < 1_000; i++) come(`10.0.${i & 127}.${i >> 7}`);
    vi.advanceTimersByTime(1_000);
  }
  come('10.9.0.1');
  vi.advanceTimersByTime(20);
  expect(begun).toContain('10.9.0.1');
});

it('a host that is new is served before another of its network that has begun many', () => {
  const { come, begun } = bed();
  for (let i = 0; i < 3_000; i++) come('10.0.0.9');
  come('10.0.0.2');
  vi.advanceTimersByTime(20);
  expect(begun).toContain('10.0.0.2');
});

it('one host gets 25 a second for long, one network 50', () => {
  const { come, took } = bed();
  for (let i = 0; i < 2_000; i++) come('10.0.0.9');
  for (let i = 0; i < 2_000; i++) come(`11.0.0.${i % 200}`);
  vi.advanceTimersByTime(10_000);
  // 100 saved up and 250 since; twice as many of the network.
  expect(took('10.')).toBeGreaterThan(345);
  expect(took('10.')).toBeLessThan(355);
  expect(took('11.')).toBeGreaterThan(690);
  expect(took('11.')).toBeLessThan(710);
});

it('two hundred clients behind one address are in within 3 s once one of them is', () => {
  const { come, took } = bed();
  for (let i = 0; i < 200; i++) come('10.0.0.9', i >= 8);
  vi.advanceTimersByTime(3_000);
  expect(took('10.')).toBe(200);
});

it('those who leave the line have no turn, and the timer ends with the line', () => {
  const { turns, come, took } = bed();
  const guests = Array.from({ length: 200 }, () => come('10.0.0.9'));
  for (const guest of guests) turns.leave(guest);
  const before = took('10.');
  vi.advanceTimersByTime(5_000);
  expect([took('10.'), vi.getTimerCount()]).toEqual([before, 0]);
});
