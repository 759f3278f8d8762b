import { expect, it } from 'vitest';
import { OpenConnections } from '../../../client-proxy/front/open-connections.ts';

const connection = () => ({
  how: [] as string[],
  destroy(how: 'reset') {
    this.how.push(how);
  },
});

it('has so many places, and says once for each time that none is left', () => {
  const told: number[] = [];
  const open = new OpenConnections(2, (limit) => told.push(limit));
  const [one, two] = [connection(), connection()];
  expect(open.hasPlace()).toBe(true);
  open.add(one);
  open.add(two);
  expect([open.hasPlace(), open.hasPlace(), open.size]).toEqual([false, false, 2]);
  expect(told).toEqual([2]);
  open.remove(one);
  expect(open.hasPlace()).toBe(true);
  open.add(one);
  expect(open.hasPlace()).toBe(false);
  expect(told).toEqual([2, 2]);
});

it('has another place where one is made', () => {
  const told: number[] = [];
  const open = new OpenConnections(1, (limit) => told.push(limit));
  const asked: number[] = [];
  const makePlace = () => asked.push(open.size) < 2;
  expect(open.hasPlace(makePlace)).toBe(true);
  open.add(connection());
  expect([open.hasPlace(makePlace), open.hasPlace(makePlace)]).toEqual([true, false]);
  expect([asked, told]).toEqual([[1, 1], [1]]);
});

it('drains when the last has ended, and takes none meanwhile', async () => {
  const open = new OpenConnections(2, () => {});
  const one = connection();
  open.add(one);
  let isDrained = false;
  const drained = open.drain().then(() => {
    isDrained = true;
  });
  await Promise.resolve();
  expect([isDrained, open.hasPlace()]).toEqual([false, false]);
  open.remove(one);
  await drained;
  await open.drain();
});

it('closes by resetting what is open', async () => {
  const open = new OpenConnections(2, () => {});
  const one = connection();
  open.add(one);
  const closed = open.close();
  expect(one.how).toEqual(['reset']);
  open.remove(one);
  await closed;
});
