import { isIPv4, isIPv6 } from 'node:net';
import { domainToASCII } from 'node:url';
import ipaddr from 'ipaddr.js';

/**
 * The text of an IPv4 (4 bytes) or IPv6 (16 bytes) address: dotted decimal, or canonical by RFC 5952.
 * An IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2) reads as the IPv4 address it stands for, so that
 * rules about addresses cannot be passed by in another spelling.
 */
export function hostFromAddressBytes(bytes: Uint8Array): string {
  return bytes.length === 4 ? bytes.join('.') : canonicalAddress(ipaddr.fromByteArray([...bytes]));
}

type DomainField = { readonly host: string } | { readonly problem: string };

/**
 * Reads the DOMAINNAME field of a request (RFC 1928 section 5). A name is passed on as the client wrote it; an international one
 * in UTF-8 as its A-labels (RFC 5890), which is what rules and name servers know.
 * An address in text form is treated as that address: clients that leave resolving to the proxy send it so.
 *
 * A `problem` is meant for the log; it quotes nothing that is not printable.
 */
export function hostFromDomainField(bytes: Uint8Array): DomainField {
  if (bytes.length === 0) return { problem: 'the domain name is empty' };
  const text = asciiText(bytes);
  if (text === undefined)
    return { problem: 'the domain name is neither ASCII nor an international name in UTF-8' };
  // With the dot that ends an absolute name, too, as browsers read it.
  const dotless = text.replace(/\.$/, '');
  if (isIPv4(dotless)) return { host: dotless };
  const unbracketed = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text;
  // A zone ("fe80::1%eth0") names an interface of the client's machine: it means nothing where the name is dialled.
  if (isIPv6(unbracketed) && !unbracketed.includes('%')) {
    return { host: canonicalAddress(ipaddr.parse(unbracketed)) };
  }
  const problem = domainNameProblem(text);
  return problem === undefined ? { host: text } : { problem };
}

/** The field as ASCII; undefined where no domain name is behind it. */
function asciiText(bytes: Uint8Array): string | undefined {
  if (bytes.every((byte) => byte < FIRST_BEYOND_ASCII)) return Buffer.from(bytes).toString('latin1');
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    // domainToASCII parses the host of a URL: it would cut at other characters, or decode them.
    if (!INTERNATIONAL_NAME.test(text)) return undefined;
    return domainToASCII(text) || undefined;
  } catch {
    return undefined;
  }
}

const FIRST_BEYOND_ASCII = 0x80;
/** Letters, marks and digits of any script, joiners, symbols, and the dots that IDNA takes for one (UTS 46 section 2.3). */
const INTERNATIONAL_NAME =
  /^(?:[\p{L}\p{M}\p{N}\p{Join_Control}\p{So}\p{Emoji_Modifier}]|[-._\u00b7\u30fb\u3002\uff0e\uff61])+$/u;

/** RFC 1035 section 2.3.4: 255 octets on the wire are at most 253 characters without the final dot. */
const MAX_NAME_LENGTH = 253;
const MAX_LABEL_LENGTH = 63;

/** Letters, digits, hyphen (RFC 1123 section 2.1), and the underscore that real names have. */
const LABEL = /^[A-Za-z0-9_-]+$/;

/**
 * `127.1`, `2130706433` and `0x7f000001` are addresses to inet_aton, names to others; RFC 1123 section 2.1 and
 * RFC 3696 section 2 keep a last label from being a number, so no name is lost by refusing them.
 */
const NUMERIC_LABEL = /^(?:\d+|0x[0-9a-f]*)$/i;

function domainNameProblem(text: string): string | undefined {
  const name = text.endsWith('.') ? text.slice(0, -1) : text;
  if (name.length > MAX_NAME_LENGTH) return `the domain name is longer than ${MAX_NAME_LENGTH} characters`;
  const labels = name.split('.');
  for (const label of labels) {
    if (label.length === 0) return 'the domain name has an empty label';
    if (label.length > MAX_LABEL_LENGTH)
      return `a label of the domain name is longer than ${MAX_LABEL_LENGTH} characters`;
    if (!LABEL.test(label)) {
      return 'the domain name has characters other than letters, digits, "-", "_" and "."';
    }
  }
  if (NUMERIC_LABEL.test(labels.at(-1)!)) return 'the domain name ends in a number but is no IPv4 address';
  return undefined;
}

function canonicalAddress(address: ipaddr.IPv4 | ipaddr.IPv6): string {
  if (address.kind() === 'ipv4') return address.toString();
  const ipv6 = address as ipaddr.IPv6;
  return ipv6.isIPv4MappedAddress() ? ipv6.toIPv4Address().toString() : ipv6.toRFC5952String();
}
