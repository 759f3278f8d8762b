/** What `parseByteSize` accepts, in words. */
export const BYTE_SIZE_FORMAT = 'a size with its unit, such as "512KiB", "64MiB" or "1GB"';

const BYTES_PER_UNIT = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
} as const;
type Unit = keyof typeof BYTES_PER_UNIT;

/**
 * Bytes of `64MiB`, `1GB`, `512KiB`, `1.5GiB`; undefined for anything else. Units are told apart by case (IEC 80000-13:
 * `KiB` is 1024, `KB` 1000), since a `Mb` that means megabits must not pass for bytes.
 */
export function parseByteSize(text: string): number | undefined {
  const match = /^(\d{1,16}(?:\.\d{1,3})?) ?(B|[KMGT]i?B)$/.exec(text);
  return match ? Math.round(Number(match[1]) * BYTES_PER_UNIT[match[2] as Unit]) : undefined;
}

/** The size in the largest binary unit that leaves a whole number: `64MiB`, `1536KiB`, `1000B`. */
export function formatByteSize(bytes: number): string {
  for (const unit of ['TiB', 'GiB', 'MiB', 'KiB'] as const) {
    if (bytes >= BYTES_PER_UNIT[unit] && bytes % BYTES_PER_UNIT[unit] === 0) {
      return `${bytes / BYTES_PER_UNIT[unit]}${unit}`;
    }
  }
  return `${bytes}B`;
}
