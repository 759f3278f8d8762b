import { expect, it } from 'vitest';
import { ProvenKeys } from '../../../server-concentrator/session/proven-keys.ts';

const key = (byte: number) => new Uint8Array(32).fill(byte);

it('a session keeps to the keys that its client has proven and still has', () => {
  const proven = new ProvenKeys();
  proven.add(key(1));
  expect(proven.keepAny([key(2), key(1)])).toBe(true);
  proven.add(key(2));
  expect(proven.keepAny([key(2)])).toBe(true);
  // What is good again was proven before it was bad.
  expect(proven.keepAny([key(1)])).toBe(false);
});
