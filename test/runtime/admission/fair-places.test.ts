import { expect, it } from 'vitest';
import { FairPlaces } from '../../../shared/runtime/admission/fair-places.ts';
import { sourceOf } from '../../../shared/runtime/admission/source.ts';
import { Random } from '../../simulation/random.ts';

interface Guest {
  readonly address: string;
  readonly number: number;
}

/** Guests of 16 places come; the time stands still unless it is told to go on. */
function bed(total = 16) {
  let nowMs = 0;
  let number = 0;
  const places = new FairPlaces<Guest>({ total, clock: () => nowMs });
  const come = (address: string, isProven = false) => {
    const guest = { address, number: number++ };
    return { guest, leaving: places.enter(guest, { source: sourceOf(address), isProven }) };
  };
  const fill = (count: number, addressOf: (i: number) => string, isProven = false) =>
    Array.from({ length: count }, (_, i) => come(addressOf(i), isProven));
  const counts = () => {
    const byAddress: Record<string, number> = {};
    for (const { address } of places.guests) byAddress[address] = (byAddress[address] ?? 0) + 1;
    return byAddress;
  };
  return {
    places,
    come,
    fill,
    counts,
    pass: (ms: number) => {
      nowMs += ms;
    },
  };
}

it('gives one host a quarter and one network half of the places', () => {
  const { fill, counts } = bed();
  fill(20, () => '10.0.0.1');
  expect(counts()).toEqual({ '10.0.0.1': 4 });
  fill(20, () => '10.0.0.2');
  fill(20, () => '10.0.0.3');
  expect(counts()).toEqual({ '10.0.0.1': 2, '10.0.0.2': 3, '10.0.0.3': 3 });
});

it.each([
  ['a stranger', false, 4, 4],
  ['one that has proven itself', true, 8, 16],
])(
  'lets the oldest give way to a newcomer of the same host, for %s so often in a second',
  (_who, isProven, places, turnover) => {
    const { fill, come, pass } = bed();
    const guests = fill(places + turnover, () => '10.0.0.1', isProven);
    const displaced = guests.slice(places).map(({ leaving }) => leaving);
    expect(displaced).toEqual(guests.slice(0, turnover).map(({ guest }) => guest));
    const refused = come('10.0.0.1', isProven);
    expect(refused.leaving).toBe(refused.guest);
    pass(1_000 / turnover);
    expect(come('10.0.0.1', isProven).leaving).toBe(guests[turnover]!.guest);
  },
);

it('takes the place of a newcomer from the network that has most, and in it from the host that has most', () => {
  const { fill, come } = bed();
  fill(4, () => '10.0.0.1');
  fill(3, () => '10.0.0.2');
  fill(4, () => '10.0.1.1');
  fill(4, () => '10.0.2.1');
  fill(1, () => '10.0.3.1');
  expect(come('10.0.4.1').leaving?.address).toBe('10.0.0.1');
});

it('takes it from a host that has more in the own network, though that has most', () => {
  const { fill, come } = bed();
  fill(4, () => '10.0.0.1');
  fill(4, () => '10.0.0.2');
  expect(come('10.0.0.3').leaving?.address).toBe('10.0.0.1');
});

it('lets newcomers in when every network has one only, and the oldest goes', () => {
  const { fill, come } = bed();
  const guests = fill(16, (i) => `10.0.${i}.1`);
  expect(come('10.0.99.1').leaving).toBe(guests[0]!.guest);
});

it('prefers those who have proven themselves to strangers, and never the reverse, but for a quarter of the places', () => {
  const { fill, come, counts } = bed();
  fill(16, (i) => `10.0.${i}.1`);
  fill(12, (i) => `10.1.${i}.1`, true);
  const of = (network: string) =>
    Object.keys(counts()).filter((address) => address.startsWith(network)).length;
  expect([of('10.0.'), of('10.1.')]).toEqual([4, 12]);
  expect(come('10.2.0.1').leaving?.address).toBe('10.0.12.1');
  expect(come('10.3.0.1', true).leaving?.address).toBe('10.1.0.1');
  fill(100, (i) => `10.4.${i}.1`, true);
  expect(come('10.5.0.1').leaving?.address).toBe('10.0.13.1');
});

it('does not let a proven host be disturbed by its neighbours', () => {
  const { fill, come, counts } = bed();
  fill(100, (i) => `10.0.0.${i}`);
  expect(come('10.0.0.200', true).leaving).toBeUndefined();
  fill(100, (i) => `10.0.0.${i}`);
  fill(100, (i) => `10.${i}.0.1`);
  expect(counts()['10.0.0.200']).toBe(1);
});

it('many clients behind one proven address get half of the places', () => {
  const { fill, counts } = bed(1_024);
  fill(2_000, () => '10.0.0.1', true);
  expect(counts()['10.0.0.1']).toBe(512);
});

it('forgets who has left: a place that was given back is free', () => {
  const { places, fill, come } = bed();
  const guests = fill(16, (i) => `10.0.${i}.1`);
  for (const { guest } of guests) places.leave(guest);
  places.leave(guests[0]!.guest);
  expect([...places.guests]).toEqual([]);
  expect(fill(16, (i) => `10.0.${i}.1`).every(({ leaving }) => leaving === undefined)).toBe(true);
  expect(come('10.1.0.1').leaving).toBeDefined();
});

it('keeps its bounds, and its books, whoever comes and goes', () => {
  const random = new Random(7);
  const { places, come, pass, counts } = bed(32);
  const inside = new Set<Guest>();
  for (let i = 0; i < 3_000; i++) {
    pass(random.next() * 100);
    const one = [...inside][Math.floor(random.next() * inside.size)];
    if (one !== undefined && random.chance(0.4)) {
      places.leave(one);
      inside.delete(one);
      continue;
    }
    const network = Math.floor(random.next() * 8);
    const { guest, leaving } = come(`10.0.${network}.${Math.floor(random.next() * 4)}`, network === 0);
    inside.add(guest);
    if (leaving !== undefined) inside.delete(leaving);
    expect(new Set(places.guests)).toEqual(inside);
    expect(inside.size).toBeLessThanOrEqual(32);
    expect(Math.max(...Object.values(counts()))).toBeLessThanOrEqual(16);
  }
});

it('admits one of another network however many come from one, in time that does not depend on their number', () => {
  const { fill, come } = bed(1_024);
  const startMs = performance.now();
  let refused = 0;
  for (let i = 0; i < 100; i++) {
    fill(1_000, (j) => `10.0.${(i * 1_000 + j) % 256}.${j % 250}`);
    const honest = come(`10.9.${i}.1`);
    if (honest.leaving === honest.guest) refused++;
  }
  expect(refused).toBe(0);
  // About 0.2 s; a walk over all guests for each would take minutes.
  expect(performance.now() - startMs).toBeLessThan(20_000);
});
