/** What `parseBitRate` accepts, in words. */
export const BIT_RATE_FORMAT = 'a rate such as "500kbit/s", "10Mbit/s" or "1Gbit/s"';

const BITS_PER_UNIT = { kbit: 1e3, Mbit: 1e6, Gbit: 1e9 } as const;
type Unit = keyof typeof BITS_PER_UNIT;

/** Bytes per second of `10Mbit/s`, to the bit; undefined for anything else. Units are told apart by case, as for sizes. */
export function parseBitRate(text: string): number | undefined {
  const match = /^(\d{1,9}(?:\.\d{1,3})?) ?(kbit|Mbit|Gbit)\/s$/.exec(text);
  return match ? Math.round(Number(match[1]) * BITS_PER_UNIT[match[2] as Unit]) / 8 : undefined;
}

/** For people: the rate in the largest unit in which it is 1 or more, rounded to three digits behind the point. */
export function formatBitRate(bytesPerSecond: number): string {
  const bits = bytesPerSecond * 8;
  return inUnit(bits, bits >= 1e9 ? 'Gbit' : bits >= 1e6 ? 'Mbit' : 'kbit');
}

/** The rate in the largest unit in which it is read as the same one. */
export function exactBitRate(bytesPerSecond: number): string {
  const bits = bytesPerSecond * 8;
  for (const unit of ['Gbit', 'Mbit'] as const) {
    const text = inUnit(bits, unit);
    if (bits >= BITS_PER_UNIT[unit] && parseBitRate(text) === bytesPerSecond) return text;
  }
  return inUnit(bits, 'kbit');
}

function inUnit(bits: number, unit: Unit): string {
  return `${Number((bits / BITS_PER_UNIT[unit]).toFixed(3))}${unit}/s`;
}
