/** What `parseExpiry` accepts, in words. */
export const EXPIRY_FORMAT =
  'a day such as "2027-01-31", to the end of which it holds (UTC), or a time with its zone such as ' +
  '"2027-01-31T12:00:00Z" or "2027-01-31T12:00:00+01:00"';

const DAY_MS = 24 * 60 * 60 * 1_000;

/** Milliseconds since 1970 of the moment from which something holds no longer; undefined for what says no one moment. */
export function parseExpiry(text: string): number | undefined {
  const match = /^(\d{4}-\d{2}-\d{2})(T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2}))?$/.exec(
    text,
  );
  if (match === null) return undefined;
  const [, day = '', time] = match;
  const dayMs = Date.parse(`${day}T00:00:00Z`);
  // The 31st of February would be some day in March.
  if (Number.isNaN(dayMs) || new Date(dayMs).toISOString().slice(0, 10) !== day) return undefined;
  if (time === undefined) return dayMs + DAY_MS;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}

/** As `parseExpiry` reads it: `2027-01-31` where that is the moment, or `2027-01-31T12:00:00Z`. */
export function formatExpiry(ms: number): string {
  if (ms % DAY_MS === 0) return new Date(ms - DAY_MS).toISOString().slice(0, 10);
  return new Date(ms).toISOString().replace('.000Z', 'Z');
}
