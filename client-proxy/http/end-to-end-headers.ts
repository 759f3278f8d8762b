import { valuesOf } from './requested-target.ts';

/** Of one connection, whatever Connection says (RFC 9110 section 7.6.1); framing is made anew for the other side. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authorization',
  'proxy-authenticate',
  'proxy-authentication-info',
  'te',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

/** What Connection may not take away: the length of the message belongs to it on every hop. */
const KEPT: ReadonlySet<string> = new Set(['content-length', 'host']);

/**
 * The fields of a message that are meant for its other end: names and values in turn, as they came, without those of this hop
 * and those that Connection names (RFC 9110 section 7.6.1).
 *
 * @param without further names, in lower case
 */
export function endToEndHeaders(rawHeaders: readonly string[], without: readonly string[] = []): string[] {
  const named = valuesOf(rawHeaders, 'connection').flatMap((value) =>
    value.split(',').map((option) => option.trim().toLowerCase()),
  );
  const dropped = new Set([...named.filter((name) => !KEPT.has(name)), ...HOP_BY_HOP, ...without]);
  const kept: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if (!dropped.has(rawHeaders[i]!.toLowerCase())) kept.push(rawHeaders[i]!, rawHeaders[i + 1]!);
  }
  return kept;
}

/** A head as it is sent. @param headers names and values in turn */
export function encodeHead(firstLine: string, headers: readonly string[]): Buffer {
  const lines = [firstLine];
  for (let i = 0; i + 1 < headers.length; i += 2) lines.push(`${headers[i]}: ${headers[i + 1]}`);
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}
