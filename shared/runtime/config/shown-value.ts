import { SECRET_FIELDS, scrubSecrets } from '../text/scrub.ts';
import type { KeyPath } from './yaml-source.ts';

const SECRET = new Set(SECRET_FIELDS.map((field) => field.toLowerCase()));
const MAX_SHOWN_CHARACTERS = 60;

/**
 * How an error message names what it found at a place: short, on one line, and never the value of a secret, also not
 * of one that stands at the wrong place (a long text without blanks may be a key, `key:abc` one without its blank).
 */
export function shownValue(value: unknown, path: KeyPath): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'a map';
  const isSecret = path.some((part) => typeof part === 'string' && SECRET.has(part.toLowerCase()));
  if (typeof value !== 'string') return isSecret ? `a ${typeof value}` : `${value} (a ${typeof value})`;
  if (value === '') return 'an empty text';
  if (isSecret || looksSecret(value)) return 'a text that is not shown here';
  const text = scrubSecrets(value);
  return JSON.stringify(
    text.length > MAX_SHOWN_CHARACTERS ? `${text.slice(0, MAX_SHOWN_CHARACTERS)}...` : text,
  );
}

/** How an error message names an unknown key, which may be a secret put at the wrong place. */
export function shownKey(key: string): string {
  return /^[A-Za-z_][\w.-]{0,31}$/.test(key) ? `"${key}"` : 'that is not shown here';
}

function looksSecret(text: string): boolean {
  const field = /^\s*(\w+)\s*:/.exec(text)?.[1]?.toLowerCase() ?? '';
  if (field === 'sha256') return false; // a pin, which is public
  return SECRET.has(field) || /[A-Za-z0-9+/_-]{40}/.test(text);
}
