/** What `parseExpiry` accepts, in words. */
export const EXPIRY_FORMAT =
  'a day such as "2027-01-31", to the end of which it holds (UTC), or a time with its zone such as ' +
  '"2027-01-31T12:00:00Z" or "2027-01-31T12:00:00+01:00"';

const DAY_MS = 24 * 60 * 60 * 1_000;
/** The years that have four digits here, and that PostgreSQL has. A zone leads out of them. */
export const START_OF_DATES_MS = Date.parse('0001-01-01T00:00:00Z');
export const END_OF_DATES_MS = Date.UTC(10_000, 0);

/**
 * Milliseconds since 1970 of the moment from which something holds no longer, up to `END_OF_DATES_MS`; undefined for what says no one
 * moment.
 */
export function parseExpiry(text: string): number | undefined {
  const match = /^(\d{4}-\d{2}-\d{2})(T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2}))?$/.exec(
    text,
  );
  if (match === null) return undefined;
  const [, day = '', time] = match;
  const dayMs = Date.parse(`${day}T00:00:00Z`);
  // The 31st of February would be some day in March.
  if (Number.isNaN(dayMs) || new Date(dayMs).toISOString().slice(0, 10) !== day) return undefined;
  const ms = time === undefined ? dayMs + DAY_MS : Date.parse(text);
  return ms >= START_OF_DATES_MS && ms <= END_OF_DATES_MS ? ms : undefined;
}

/** As `parseExpiry` reads it: `2027-01-31` where that is the moment, or `2027-01-31T12:00:00Z`. */
export function formatExpiry(ms: number): string {
  if (ms % DAY_MS === 0) return new Date(ms - DAY_MS).toISOString().slice(0, 10);
  return new Date(ms).toISOString().replace('.000Z', 'Z');
}
