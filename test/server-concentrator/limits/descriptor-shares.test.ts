import { expect, it, test } from 'vitest';
import {
  DescriptorShares,
  dialPlaces,
  namePlaces,
  originDescriptors,
} from '../../../server-concentrator/limits/descriptor-shares.ts';

/** Takes all that each client may have, one after the other. */
function takeAll(shares: DescriptorShares, clients: readonly string[]): number[] {
  return clients.map((client) => {
    let count = 0;
    for (; shares.mayTake(client); count++) shares.take(client);
    return count;
  });
}

it('leaves something to those who come later, however greedy the others are', () => {
  expect(takeAll(new DescriptorShares(1_000), ['a', 'b', 'c', 'd'])).toEqual([750, 188, 47, 12]);
});

it('gives back what is closed', () => {
  const shares = new DescriptorShares(4);
  const closed = [shares.take('a'), shares.take('a'), shares.take('a')];
  expect(shares.mayTake('a')).toBe(false);
  expect(shares.mayTake('b')).toBe(true);
  for (const close of closed) close();
  expect(shares.mayTake('a')).toBe(true);
});

test.each([
  { limit: 262_144, origins: 258_048, perClient: 256 },
  { limit: 4_096, origins: 3_072, perClient: 192 },
  { limit: 1_024, origins: 768, perClient: 48 },
  { limit: 128, origins: 64, perClient: 4 },
  { limit: 10, origins: 1, perClient: 1 },
])('of $limit descriptors $origins are for origins, $perClient of them for the dials of a client', (row) => {
  expect(originDescriptors(row.limit)).toBe(row.origins);
  const { total, perOwner } = dialPlaces(row.origins, 256);
  expect(perOwner).toBe(row.perClient);
  expect(total).toBeLessThanOrEqual(row.origins);
});

test.each([
  { limit: 262_144, total: 256, perOwner: 64 },
  { limit: 4_096, total: 128, perOwner: 64 },
  { limit: 1_024, total: 32, perOwner: 16 },
  { limit: 128, total: 8, perOwner: 4 },
  { limit: 10, total: 2, perOwner: 1 },
])('of $limit descriptors those of $total names are reserved', ({ limit, ...places }) => {
  expect(namePlaces(limit, 64)).toEqual(places);
});
