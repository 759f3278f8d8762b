/** A quantity, and its unit apart, which is set smaller. */
export interface Quantity {
  readonly number: string;
  readonly unit: string;
}

const RATE_UNITS = ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s'] as const;
const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

/** Three digits: `48.2 Mbit/s`. */
export function rateOf(bitsPerSecond: number): Quantity {
  // What keeps subflows alive is no traffic to a person.
  return bitsPerSecond < 500 ? { number: '0', unit: 'Mbit/s' } : scaled(bitsPerSecond, RATE_UNITS);
}

export function rateText(bitsPerSecond: number): string {
  const { number, unit } = rateOf(bitsPerSecond);
  return `${number} ${unit}`;
}

export function bytesText(bytes: number): string {
  const { number, unit } = scaled(bytes, BYTE_UNITS);
  return `${number} ${unit}`;
}

function scaled(value: number, units: readonly string[]): Quantity {
  let scale = 0;
  // 999.6 would be written as 1000.
  while (value >= 999.5 && scale < units.length - 1) {
    value /= 1_000;
    scale += 1;
  }
  const digits = scale === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return { number: value.toFixed(digits), unit: units[scale]! };
}

/** `171 ms`, `4.2 s`, `45 s`, `12 min`, `3 h`, `5 days`. */
export function durationText(ms: number): string {
  const seconds = Math.max(0, ms) / 1_000;
  if (seconds < 1) return `${Math.round(seconds * 1_000)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 2 * 3_600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 48 * 3_600) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} days`;
}

/** As `durationText`, by whole seconds: it changes while somebody looks. */
export function sinceText(ms: number): string {
  return durationText(Math.max(1_000, Math.floor(ms / 1_000) * 1_000)).replace('.0', '');
}

export function clockText(ms: number): string {
  return new Date(ms).toLocaleTimeString([], { hour12: false });
}

/** `29 Nov`. */
export function dateText(ms: number): string {
  return new Date(ms).toLocaleDateString('en-GB', { day: 'numeric', month: 'short' });
}

export function msText(ms: number | null): string {
  if (ms === null) return '–';
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}

export function percentText(part: number, whole: number): string {
  return whole < 500 ? '–' : `${Math.round((100 * part) / whole)} %`;
}
