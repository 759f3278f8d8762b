/** What takes the place of a secret in logs and messages. */
export const REDACTED = '[redacted]';

/**
 * Field names whose values are secrets, wherever they occur in a configuration or a log object.
 * `proxy` is among them since an upstream proxy's URL carries its password.
 */
export const SECRET_FIELDS: readonly string[] = [
  'key',
  'keys',
  'password',
  'passphrase',
  'privateKey',
  'secret',
  'token',
  'authorization',
  'link',
  'proxy',
];

// Up to the next blank or quote, so that a line of JSON stays valid; an escaped quote or backslash goes along. The user
// part of a URL is taken greedily to its last @, since a password typed without percent-encoding may hold one. What has no run of characters that
// could be a key, as in an explanation of what a link looks like, stays; so does the explanation of a proxy's URL.
const LINK = /tributary:\/\/(?=\S*[\w-]{16})(?:[^\s"\\]|\\.)*/gi;
const URL_CREDENTIALS = /\b(socks[45]?[ah]?|https?):\/\/(?!USER:PASSWORD@HOST:PORT\b)(?:[^\s"\\]|\\.)*@/gi;

/** The text without client keys (`tributary://` links) and without credentials in proxy URLs. */
export function scrubSecrets(text: string): string {
  if (!text.includes('://')) return text;
  return text.replace(LINK, `tributary://${REDACTED}`).replace(URL_CREDENTIALS, `$1://${REDACTED}@`);
}
