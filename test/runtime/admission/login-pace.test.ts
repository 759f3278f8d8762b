import { expect, it } from 'vitest';
import { LoginPace } from '../../../shared/runtime/admission/login-pace.ts';

function bed() {
  let nowMs = 1_000;
  const pace = new LoginPace(() => nowMs);
  return {
    pace,
    wait: (ms: number) => {
      nowMs += ms;
    },
    /** A login that turns out wrong; how long it had to wait. */
    wrong: (address: string) => pace.reserve(address),
    right: (address: string) => {
      const waitMs = pace.reserve(address);
      if (waitMs !== undefined) pace.onRight(address);
      return waitMs;
    },
  };
}

it('lets right logins through at once, however many', () => {
  const { right } = bed();
  for (let i = 0; i < 1_000; i++) expect(right('192.168.1.5')).toBe(0);
});

it('checks one a second from an address after a wrong one, and turns away who would wait for long', () => {
  const { wrong, right, wait } = bed();
  expect(Array.from({ length: 9 }, () => wrong('192.168.1.5'))).toEqual([
    ...[0, 1_000, 2_000, 3_000, 4_000, 5_000],
    ...[undefined, undefined, undefined],
  ]);
  expect(right('192.168.1.6')).toBe(0);
  wait(3_500);
  expect(wrong('192.168.1.5')).toBe(2_500);
  wait(3_500);
  expect(right('192.168.1.5')).toBe(0);
});

it('checks no more than one a second and one in an hour of guessing', () => {
  const { wrong, wait } = bed();
  let checked = 0;
  for (let second = 0; second < 3_600; second++) {
    for (let i = 0; i < 20; i++) if (wrong('203.0.113.5') !== undefined) checked++;
    wait(1_000);
  }
  expect(checked).toBeLessThanOrEqual(3_600 + 6);
});

it('gives the time of a right login that waited back to the next', () => {
  const { wrong, right } = bed();
  wrong('192.168.1.5');
  expect(right('192.168.1.5')).toBe(1_000);
  expect(right('192.168.1.5')).toBe(1_000);
});

it.each([
  ['two spellings of an address', '192.168.1.5', '::ffff:192.168.1.5'],
  ['addresses of a /64', '2001:db8::1', '2001:db8::aaaa:bbbb:cccc:dddd'],
])('takes %s for one', (_, one, other) => {
  const { wrong } = bed();
  expect([wrong(one), wrong(other)]).toEqual([0, 1_000]);
});

it('lets loopback addresses alone wait for each other when many of them guess', () => {
  const { wrong, right, wait } = bed();
  expect([wrong('127.0.0.9'), wrong('127.0.0.9')]).toEqual([0, 1_000]);
  // Two guesses of one address are two tenths of a second for the others.
  expect(right('127.0.0.1')).toBe(200);
  wait(200);
  expect(right('127.0.0.1')).toBe(0);
  let checked = 0;
  for (let i = 0; i < 1_000; i++) if (wrong(`127.1.${i >> 8}.${i & 255}`) !== undefined) checked++;
  expect(checked).toBeLessThanOrEqual(52);
  expect(right('192.168.1.5')).toBe(0);
});

it('remembers a bounded number of addresses, those that failed last', () => {
  const { wrong } = bed();
  for (let i = 0; i < 10_000; i++) wrong(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`);
  expect(wrong('10.0.39.15')).toBe(1_000);
  expect(wrong('10.0.0.0')).toBe(0);
});
