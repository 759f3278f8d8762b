import { pino } from 'pino';
import { expect, it } from 'vitest';
import { PacketSizes } from '../../../client-proxy/packet-size/packet-sizes.ts';

const SIX = { host: '2001:db8::1', port: 8443 };
const FOUR = { host: '192.0.2.1', port: 8443 };
const HERE = '198.51.100.7';

function bed() {
  const clock = { nowMs: 0 };
  return { clock, sizes: new PacketSizes(() => clock.nowMs, pino({ enabled: false })) };
}

it('knows each way by itself, and forgets it when full packets get through', () => {
  const { sizes } = bed();
  sizes.onSmall('dsl', SIX, 1280, HERE);
  expect(sizes.candidates('dsl', SIX)).toEqual([1280, 1024, 576]);
  for (const [uplink, address] of [
    ['dsl', FOUR],
    ['lte', SIX],
  ] as const) {
    expect(sizes.candidates(uplink, address)).toEqual([undefined, 1280, 1024, 576]);
  }
  sizes.onSmall('dsl', SIX, 576, HERE);
  expect(sizes.candidates('dsl', SIX)).toEqual([576]);
  sizes.onFull('dsl', SIX);
  expect(sizes.limitOf('dsl', SIX)).toBeUndefined();
});

it('tries the full length again ever more seldom, and at once from another address', () => {
  const { sizes, clock } = bed();
  sizes.onSmall('dsl', SIX, 1280, HERE);
  const waitsMs: number[] = [];
  for (let trial = 0; trial < 8; trial++) {
    const sinceMs = clock.nowMs;
    while (!sizes.isTrialDue('dsl', SIX, HERE)) clock.nowMs += 1_000;
    waitsMs.push(clock.nowMs - sinceMs);
    sizes.onTrial('dsl', SIX, HERE);
  }
  expect(waitsMs.map((ms) => ms / 60_000)).toEqual([0.5, 1, 2, 4, 8, 16, 30, 30]);
  expect(sizes.isTrialDue('dsl', SIX, '203.0.113.9')).toBe(true);
  sizes.onTrial('dsl', SIX, '203.0.113.9');
  expect(sizes.isTrialDue('dsl', SIX, '203.0.113.9')).toBe(false);
});

it('does not put the trial off for every subflow that is dialled meanwhile', () => {
  const { sizes, clock } = bed();
  for (; clock.nowMs < 30_000; clock.nowMs += 1_000) sizes.onSmall('dsl', SIX, 1280, HERE);
  expect(sizes.isTrialDue('dsl', SIX, HERE)).toBe(true);
});

it('forgets ways beyond its bound', () => {
  const { sizes } = bed();
  for (let port = 1; port <= 300; port++) sizes.onSmall('dsl', { host: FOUR.host, port }, 1280, HERE);
  const known = Array.from({ length: 300 }, (_, i) => sizes.limitOf('dsl', { host: FOUR.host, port: i + 1 }));
  expect(known.filter((limit) => limit !== undefined)).toHaveLength(256);
});
