import { expect, it } from 'vitest';
import { concatBytes } from '../../../shared/protocol/codec/bytes.ts';
import {
  decodeSpeedRequest,
  encodeSpeedReport,
  encodeSpeedRequest,
  lastSpeedReport,
  SPEED_REQUEST_BYTES,
} from '../../../shared/protocol/codec/speed-request.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

it.each([
  [{ direction: 'down', bytes: 1 }, '000000000000000001'],
  [{ direction: 'up', bytes: 50_000_000 }, '010000000002faf080'],
  [{ direction: 'down', bytes: Number.MAX_SAFE_INTEGER }, '00001fffffffffffff'],
] as const)('writes %o as the specification says, and reads it back', (request, written) => {
  const bytes = encodeSpeedRequest(request);
  expect(hex(bytes)).toBe(written);
  expect(bytes).toHaveLength(SPEED_REQUEST_BYTES);
  expect(decodeSpeedRequest(bytes)).toEqual(request);
});

it.each([
  ['another direction', '020000000000000001'],
  ['a count above 53 bits', '000020000000000000'],
  ['one that is not whole', '00000000'],
])('refuses %s', (_, written) => {
  expect(() => decodeSpeedRequest(Buffer.from(written, 'hex'))).toThrow();
});

it('reads the last whole report, however the bytes were cut', () => {
  const reports = concatBytes(encodeSpeedReport(1_000), encodeSpeedReport(70_000));
  expect([0, 7, 8, 15, 16].map((length) => lastSpeedReport(reports.subarray(0, length)))).toEqual([
    0, 0, 1_000, 1_000, 70_000,
  ]);
});
