import { expect, it } from 'vitest';
import { ClientKeys } from '../../../server-concentrator/session/client-keys.ts';

const entry = (id: string, byte: number) => ({ id, key: new Uint8Array(32).fill(byte) });

it('tells which clients are revoked by others, and knows the others at once', () => {
  const clients = new ClientKeys([entry('kept', 1), entry('rotated', 2), entry('removed', 3)]);
  const revoked = clients.replace([entry('kept', 1), entry('rotated', 9), entry('new', 4)]);
  expect([...revoked]).toEqual(['rotated', 'removed']);
  expect([clients.of('rotated')?.[0], clients.of('removed'), clients.count]).toEqual([9, undefined, 3]);
});
