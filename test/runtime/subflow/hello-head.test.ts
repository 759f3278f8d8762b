import { expect, it } from 'vitest';
import { serverNameIn } from '../../../shared/runtime/subflow/client-hello.ts';
import { HelloHead } from '../../../shared/runtime/subflow/hello-head.ts';
import { extension, hello, records, serverName } from '../../client-proxy/transparent/hello.ts';

const NAME = 'w1.c1.example.org';
const named = (extensions: readonly Buffer[]) => hello({ extensions: [...extensions, serverName(NAME)] });
const EMPTY = Array.from({ length: 1_000 }, (_, i) => extension(1_000 + i, Buffer.alloc(0)));
/** It may be looked at so often, however it comes. */
const MAX_LOOKS = 80;

it.each<[string, Buffer]>([
  ['as it is', records(named([]))],
  ['in records of one byte each', records(named([extension(99, Buffer.alloc(1_000))]), 1)],
  ['in records of three bytes each', records(named([extension(99, Buffer.alloc(2_000))]), 3)],
  ['with a thousand extensions', records(named(EMPTY))],
])('knows the name of a ClientHello %s that comes byte by byte, without looking at each', (_, bytes) => {
  let looks = 0;
  const head = new HelloHead((all) => {
    looks++;
    return serverNameIn(all);
  });
  const enough = Array.from(bytes, (byte) => head.add(Buffer.of(byte))).indexOf(true) + 1;
  expect(enough).toBeGreaterThan(0);
  expect(Buffer.from(serverNameIn(head.bytes.subarray(0, enough)) as Uint8Array).toString()).toBe(NAME);
  expect(head.bytes).toEqual(bytes);
  expect(looks).toBeLessThan(MAX_LOOKS);
});

it.each<[string, Buffer]>([
  ['another message', Buffer.from('160301000402000000', 'hex')],
  ['a ClientHello without a name', records(hello({ extensions: [] }))],
  [
    'half of one, and then something else',
    Buffer.concat([records(named([]), 60).subarray(0, 65), Buffer.of(23)]),
  ],
])('knows that there is none where there is %s', (_, bytes) => {
  const head = new HelloHead();
  expect(head.add(bytes)).toBe(true);
  expect(serverNameIn(head.bytes)).toBe('none');
});
