import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';

/**
 * The one form of a host that policy, resolver and dialler all see, so that no spelling slips past a rule:
 * an IP address unchanged; a domain name in lower-case ASCII (IDNA, full-width letters folded) without its
 * trailing dot; and what inet_aton(3) would read as an IPv4 address (`127.1`, `0x7f000001`, `2130706433`) as
 * that address. Undefined when the text is none of these.
 */
export function normalizeHost(host: string): string | undefined {
  if (isIP(host) !== 0) return host;
  // domainToASCII parses a URL's host and would cut at these instead of refusing them.
  if (host.length > MAX_INPUT_LENGTH || URL_SYNTAX.test(host)) return undefined;
  const name = toAscii(host).replace(/\.$/, '');
  if (isIP(name) !== 0) return name;
  return name.length <= MAX_NAME_LENGTH && DOMAIN_NAME.test(name) ? name : undefined;
}

/**
 * A name in ASCII is taken as it stands, since IDNA would refuse names that are in use ("xn--" before what is no Punycode), unless
 * its last label makes it an address.
 */
function toAscii(host: string): string {
  const isName = ASCII.test(host) && !NUMERIC_END.test(host);
  return isName ? host.toLowerCase() : domainToASCII(host);
}

/** A SOCKS5 domain name is at most 255 octets (RFC 1928 section 5). */
const MAX_INPUT_LENGTH = 255;
/** 255 octets on the wire (RFC 1035 section 2.3.4) leave 253 characters. */
const MAX_NAME_LENGTH = 253;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused here
const URL_SYNTAX = /[\u0000-\u0020\u007f/?#\\@:%[\]]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII is meant
const ASCII = /^[\u0000-\u007f]*$/;
const NUMERIC_END = /(?:^|\.)(?:\d+|0x[0-9a-f]*)\.?$/i;
/** Labels of 1 to 63 characters; the underscore is no host name's but is found in names that resolve. */
const DOMAIN_NAME = /^[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/;
