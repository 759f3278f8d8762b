import { promises as dns } from 'node:dns';
import ipaddr from 'ipaddr.js';
import { isHostName } from '../address/host-port.ts';
import type { DnsRecord } from './dns-message.ts';

/** More than one is rare, and of no use. */
const MAX_NAMES = 8;

/** The name at which name servers keep the names of an address: in in-addr.arpa (RFC 1035 section 3.5) or ip6.arpa (RFC 3596 section 2.5). */
export function reverseName(address: string): string {
  const ip = ipaddr.parse(address);
  const bytes = ip.toByteArray().reverse();
  if (ip.kind() === 'ipv4') return `${bytes.join('.')}.in-addr.arpa`;
  const digits = bytes.flatMap((byte) => [byte & 0x0f, byte >> 4].map((digit) => digit.toString(16)));
  return `${digits.join('.')}.ip6.arpa`;
}

/** What of the answer is a name: whoever has an address may write anything there. */
export function namesIn(records: readonly DnsRecord[]): readonly string[] {
  const names = records.map(({ value }) => value).filter(isHostName);
  if (names.length === 0) throw Object.assign(new Error(dns.NODATA), { code: dns.NODATA });
  return names.slice(0, MAX_NAMES);
}
