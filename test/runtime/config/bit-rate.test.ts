import { describe, expect, it } from 'vitest';
import { formatBitRate, parseBitRate } from '../../../shared/runtime/config/bit-rate.ts';

describe('bit rates', () => {
  it.each([
    ['10Mbit/s', 1_250_000],
    ['500kbit/s', 62_500],
    ['1.5 Gbit/s', 187_500_000],
  ])('%s is %d bytes per second', (text, bytes) => expect(parseBitRate(text)).toBe(bytes));

  it.each(['', '10', '10Mbit', '10Mb/s', '10MB/s', '10mbit/s', '-1Mbit/s', '1Tbit/s'])(
    '%j is refused',
    (text) => expect(parseBitRate(text)).toBeUndefined(),
  );

  it.each(['100kbit/s', '10Mbit/s', '1.5Mbit/s', '2Gbit/s'])('%s is written as it is read', (text) =>
    expect(formatBitRate(parseBitRate(text)!)).toBe(text),
  );
});
