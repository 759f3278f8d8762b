import { expect, it } from 'vitest';
import { ProvenSources } from '../../../shared/runtime/admission/proven-sources.ts';
import { sourceOf } from '../../../shared/runtime/admission/source.ts';

const HOUR_MS = 3_600_000;

function bed() {
  let nowMs = 0;
  const sources = new ProvenSources(() => nowMs);
  return {
    add: (clientId: string, address: string) => sources.add(clientId, sourceOf(address)),
    has: (address: string) => sources.has(sourceOf(address)),
    keep: (known: string) => sources.keepClients((clientId) => clientId === known),
    at: (ms: number) => {
      nowMs = ms;
    },
  };
}

it('knows a host for a day after its last proof, and not its neighbours', () => {
  const { add, has, at } = bed();
  expect(has('10.0.0.1')).toBe(false);
  add('laptop', '10.0.0.1');
  expect([has('10.0.0.1'), has('::ffff:10.0.0.1'), has('10.0.0.2')]).toEqual([true, true, false]);
  at(23 * HOUR_MS);
  add('laptop', '10.0.0.1');
  at(46 * HOUR_MS);
  expect(has('10.0.0.1')).toBe(true);
  at(47 * HOUR_MS);
  expect(has('10.0.0.1')).toBe(false);
});

it('takes a /64 of IPv6 as one host', () => {
  const { add, has } = bed();
  add('laptop', '2001:db8::1');
  expect([has('2001:db8::ffff'), has('2001:db8:0:1::1')]).toEqual([true, false]);
});

it('forgets the least recent host of a client that has come from many, and none of another client', () => {
  const { add, has } = bed();
  add('phone', '10.1.0.1');
  for (let i = 0; i < 32; i++) add('laptop', `10.0.0.${i}`);
  add('laptop', '10.0.0.0');
  add('laptop', '10.0.1.1');
  expect([has('10.0.0.0'), has('10.0.0.1'), has('10.0.1.1')]).toEqual([true, false, true]);
  for (let i = 0; i < 10_000; i++) add('laptop', `10.2.${i >> 8}.${i & 255}`);
  expect(has('10.1.0.1')).toBe(true);
});

it('keeps a host that one client has left and another one still has', () => {
  const { add, has } = bed();
  add('laptop', '10.0.0.1');
  add('phone', '10.0.0.1');
  for (let i = 0; i < 32; i++) add('laptop', `10.3.0.${i}`);
  expect(has('10.0.0.1')).toBe(true);
  for (let i = 0; i < 32; i++) add('phone', `10.3.0.${i}`);
  expect(has('10.0.0.1')).toBe(false);
});

it('forgets the hosts of clients that were removed, unless another one was there', () => {
  const { add, has, keep } = bed();
  add('laptop', '10.0.0.1');
  add('phone', '10.0.0.1');
  add('laptop', '10.0.0.2');
  keep('phone');
  expect([has('10.0.0.1'), has('10.0.0.2')]).toEqual([true, false]);
  keep('nobody');
  expect(has('10.0.0.1')).toBe(false);
});
