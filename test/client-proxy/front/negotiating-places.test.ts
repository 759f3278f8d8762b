import { expect, it } from 'vitest';
import { NegotiatingPlaces } from '../../../client-proxy/front/negotiating-places.ts';

interface Guest {
  readonly name: string;
}

/** Of 4096 connections 3072 may negotiate: 768 from one address, 1536 from one of this machine. */
function bed() {
  const places = new NegotiatingPlaces<Guest>(4_096);
  const left: string[] = [];
  return {
    places,
    left,
    /** So many from an address; their names are address and number. */
    come: (address: string, count: number) => {
      for (let i = 0; i < count; i++) {
        const leaving = places.enter({ name: `${address} ${i}` }, () => address);
        if (leaving !== undefined) left.push(leaving.name);
      }
    },
  };
}

it.each([
  ['192.168.1.5', 768],
  ['127.0.0.9', 1_536],
])('gives %s %i places, and lets its oldest go beyond', (address, most) => {
  const { left, come } = bed();
  come(address, most);
  expect(left).toEqual([]);
  come(address, 3);
  expect(left).toEqual([`${address} 0`, `${address} 1`, `${address} 2`]);
  // Nobody else gives way for it, and it for nobody.
  come('192.168.1.6', 700);
  expect(left).toHaveLength(3);
});

it('takes a /64 for one, and spellings of an address', () => {
  const { left, come } = bed();
  for (let i = 0; i < 800; i++) come(`2001:db8::${i.toString(16)}`, 1);
  expect(left).toHaveLength(32);
  come('192.168.1.5', 768);
  come('::ffff:192.168.1.5', 1);
  expect(left.at(-1)).toBe('192.168.1.5 0');
});

it('lets the oldest of all go when many addresses fill it', () => {
  const { places, left, come } = bed();
  for (let i = 0; i < 5; i++) come(`192.168.1.${i}`, 768);
  expect(left.slice(0, 2)).toEqual(['192.168.1.0 0', '192.168.1.0 1']);
  expect(left).toHaveLength(5 * 768 - 3_072);
  const oldest = places.oldest!;
  places.leave(oldest);
  places.leave(oldest);
  expect(places.oldest).not.toBe(oldest);
  const before = left.length;
  come('192.168.1.9', 1);
  expect(left).toHaveLength(before);
});

it('asks nobody for an address while no bound can be met', () => {
  const places = new NegotiatingPlaces<Guest>(4_096);
  let asked = 0;
  const come = (name: string) =>
    places.enter({ name }, () => {
      asked += 1;
      return '192.168.1.5';
    });
  for (let i = 0; i < 768; i++) come(`${i}`);
  expect(asked).toBe(0);
  expect(come('one more')?.name).toBe('0');
  expect(asked).toBe(769);
  expect(come('another')?.name).toBe('1');
  expect(asked).toBe(770);
});
