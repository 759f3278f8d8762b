import { isIPv4 } from 'node:net';
import ipaddr from 'ipaddr.js';
import { isIpv6Literal, parsePort } from '../address/host-port.ts';

/** Both ends belong to the range. */
export interface PortRange {
  readonly from: number;
  readonly to: number;
}

/** `443` or `8000-8100`; undefined for anything else. */
export function parsePortRange(text: string): PortRange | undefined {
  const [fromText = '', toText = fromText, ...rest] = text.split('-');
  const from = parsePort(fromText);
  const to = parsePort(toText);
  if (from === undefined || to === undefined || from > to || rest.length > 0) return undefined;
  return { from, to };
}

/** `443` or `8000-8100`. */
export function formatPortRange({ from, to }: PortRange): string {
  return from === to ? `${from}` : `${from}-${to}`;
}

/**
 * A network in canonical text (`10.0.0.0/8`; a single address is a /32 or /128). Undefined for anything else, also for a
 * network whose host bits are not zero: it was meant otherwise.
 */
export function parseNetwork(text: string): string | undefined {
  const [address = '', lengthText, ...rest] = text.split('/');
  const widest = isIPv4(address) ? 32 : isIpv6Literal(address) ? 128 : undefined;
  if (widest === undefined || rest.length > 0) return undefined;
  const length = lengthText === undefined ? widest : /^\d{1,3}$/.test(lengthText) ? Number(lengthText) : 129;
  if (length > widest) return undefined;
  const given = ipaddr.parse(address).toString();
  const canonical = `${given}/${length}`;
  const network = (widest === 32 ? ipaddr.IPv4 : ipaddr.IPv6).networkAddressFromCIDR(canonical).toString();
  return network === given ? canonical : undefined;
}
