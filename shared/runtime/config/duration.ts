/** What `parseDuration` accepts, in words. */
export const DURATION_FORMAT = 'a duration with its unit, such as "250ms", "10s", "2m" or "1h30m"';

const MS_PER_UNIT = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
type Unit = keyof typeof MS_PER_UNIT;

/** Milliseconds of `250ms`, `10s`, `2m`, `1h30m`, `1.5s`; undefined for anything else, also for a bare number. */
export function parseDuration(text: string): number | undefined {
  if (!/^(\d{1,12}(\.\d{1,3})?(ms|s|m|h|d))+$/.test(text)) return undefined;
  let ms = 0;
  for (const [, amount, unit] of text.matchAll(/([\d.]+)([a-z]+)/g)) {
    ms += Number(amount) * MS_PER_UNIT[unit as Unit];
  }
  return Math.round(ms);
}

/** The duration in the largest unit that leaves a whole number: `90s`, `2m`, `1h`. */
export function formatDuration(ms: number): string {
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    if (ms >= MS_PER_UNIT[unit] && ms % MS_PER_UNIT[unit] === 0) return `${ms / MS_PER_UNIT[unit]}${unit}`;
  }
  return `${ms}ms`;
}
