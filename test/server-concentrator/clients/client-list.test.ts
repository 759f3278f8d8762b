import { expect, it } from 'vitest';
import { ClientList } from '../../../server-concentrator/clients/client-list.ts';

const key = (byte: number) => new Uint8Array(32).fill(byte);
const entry = (id: string, byte: number) => ({ id, key: key(byte) });

it('knows one key of a client, or two, those of a new list at once', () => {
  const clients = new ClientList([entry('kept', 1), { ...entry('rotated', 2), oldKey: key(3) }]);
  const first = (id: string) => clients.keysOf(id).map(([byte]) => byte);
  expect([first('kept'), first('rotated'), first('nobody')]).toEqual([[1], [2, 3], []]);
  clients.replace([entry('rotated', 2), entry('new', 4)]);
  expect([first('kept'), first('rotated'), first('new'), clients.count]).toEqual([[], [2], [4], 2]);
});
