import { describe, expect, it } from 'vitest';
import { exactBitRate, formatBitRate, parseBitRate } from '../../../shared/runtime/config/bit-rate.ts';

describe('bit rates', () => {
  it.each([
    ['10Mbit/s', 1_250_000],
    ['500kbit/s', 62_500],
    ['1.5 Gbit/s', 187_500_000],
    // 1234567 bits.
    ['1234.567kbit/s', 154_320.875],
  ])('%s is %d bytes per second', (text, bytes) => expect(parseBitRate(text)).toBe(bytes));

  it.each(['', '10', '10Mbit', '10Mb/s', '10MB/s', '10mbit/s', '-1Mbit/s', '1Tbit/s'])(
    '%j is refused',
    (text) => expect(parseBitRate(text)).toBeUndefined(),
  );

  it.each(['100kbit/s', '10Mbit/s', '1.5Mbit/s', '2Gbit/s'])('%s is written as it is read', (text) =>
    expect(formatBitRate(parseBitRate(text)!)).toBe(text),
  );

  it.each([
    [64_000, '64kbit/s'],
    [1_234_567, '1234.567kbit/s'],
    [1_235_000, '1.235Mbit/s'],
    [1_500_000_000, '1.5Gbit/s'],
    [1_000_000_001, '1000000.001kbit/s'],
    [999_999_999_999, '999999999.999kbit/s'],
    [1_000_000_000_000, '1000Gbit/s'],
  ])('%d bits a second are %s, and read as the same', (bits, text) => {
    expect(exactBitRate(bits / 8)).toBe(text);
    expect(parseBitRate(text)! * 8).toBe(bits);
  });
});
