import { expect, it } from 'vitest';
import { ClientKeys } from '../../../server-concentrator/session/client-keys.ts';
import { ProvenKeys } from '../../../server-concentrator/session/proven-keys.ts';

const key = (byte: number) => new Uint8Array(32).fill(byte);
const entry = (id: string, byte: number) => ({ id, key: key(byte) });

it('knows one key of a client, or two, those of a new list at once', () => {
  const clients = new ClientKeys([entry('kept', 1), { ...entry('rotated', 2), oldKey: key(3) }]);
  const first = (id: string) => clients.of(id).map(([byte]) => byte);
  expect([first('kept'), first('rotated'), first('nobody')]).toEqual([[1], [2, 3], []]);
  clients.replace([entry('rotated', 2), entry('new', 4)]);
  expect([first('kept'), first('rotated'), first('new'), clients.count]).toEqual([[], [2], [4], 2]);
});

it('a session keeps to the keys that its client has proven and still has', () => {
  const proven = new ProvenKeys();
  proven.add(key(1));
  expect(proven.keepAny([key(2), key(1)])).toBe(true);
  proven.add(key(2));
  expect(proven.keepAny([key(2)])).toBe(true);
  // What is good again was proven before it was bad.
  expect(proven.keepAny([key(1)])).toBe(false);
});
