import { expect, it } from 'vitest';
import { beginsQuic } from '../../../shared/protocol/datagram/flow/quic-start.ts';

function datagram(bytes: number, ...first: number[]): Uint8Array {
  const payload = new Uint8Array(bytes);
  payload.set(first);
  return payload;
}

it.each<[string, Uint8Array, boolean]>([
  ['version 1', datagram(1_200, 0xc3, 0, 0, 0, 1), true],
  ['version 2', datagram(1_250, 0xd0, 0x6b, 0x33, 0x43, 0xcf), true],
  ['too short for an Initial', datagram(1_199, 0xc3, 0, 0, 0, 1), false],
  ['a short header', datagram(1_300, 0x43, 0, 0, 0, 1), false],
  ['another version', datagram(1_300, 0xc3, 0, 0, 0, 7), false],
  ['nothing', new Uint8Array(0), false],
])('tells QUIC from other flows: %s', (_name, payload, expected) => {
  expect(beginsQuic(payload)).toBe(expected);
});
