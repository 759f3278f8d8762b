import { isIPv4 } from 'node:net';
import ipaddr from 'ipaddr.js';
import { isHostName, isIpv6Literal, parsePort } from '../../shared/runtime/config/host-port.ts';

/**
 * One line of the concentrator's egress lists: which origins it speaks of, and for which ports (all when absent).
 * A `cidr` is a network in canonical text (`10.0.0.0/8`; a single address is a /32 or /128); a `pattern` is a
 * lower-case host name, or `*.` and a host name, which stands for every name below it but not for the name itself.
 */
export type EgressRule = {
  readonly target:
    | { readonly kind: 'cidr'; readonly cidr: string }
    | { readonly kind: 'host'; readonly pattern: string }
    | { readonly kind: 'any' };
  /** Both ends belong to the range. */
  readonly ports?: { readonly from: number; readonly to: number };
};

/** What `parseEgressRule` accepts, in words. */
export const EGRESS_RULE_FORMAT =
  'a rule such as "10.0.0.0/8", "10.0.0.0/8:22", "[fd00::/8]:22", "*.example.org", "host.example.org:443", ' +
  '"*:25" or "*:6000-7000" (a network is written with its host bits zero)';

/** Reads one rule; undefined when it is not one. */
export function parseEgressRule(text: string): EgressRule | undefined {
  const { targetText, portText } = splitPorts(text.trim());
  const target = parseTarget(targetText);
  if (!target) return undefined;
  if (portText === undefined) return { target };
  const ports = parsePorts(portText);
  return ports && { target, ports };
}

/** The rule as a line of the configuration file. */
export function formatEgressRule({ target, ports }: EgressRule): string {
  const text = target.kind === 'any' ? '*' : target.kind === 'cidr' ? target.cidr : target.pattern;
  if (!ports) return text;
  const range = ports.from === ports.to ? `${ports.from}` : `${ports.from}-${ports.to}`;
  return `${text.includes(':') ? `[${text}]` : text}:${range}`;
}

function splitPorts(text: string): { targetText: string; portText?: string } {
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(text);
  if (bracketed) return split(bracketed[1], bracketed[2]);
  // Two colons or more without brackets: an IPv6 address or network, which cannot have a port.
  const plain = /^([^:]*)(?::([^:]*))?$/.exec(text);
  return plain ? split(plain[1], plain[2]) : { targetText: text };
}

function split(targetText = '', portText?: string): { targetText: string; portText?: string } {
  return portText === undefined ? { targetText } : { targetText, portText };
}

function parseTarget(text: string): EgressRule['target'] | undefined {
  if (text === '*') return { kind: 'any' };
  const cidr = parseCidr(text);
  if (cidr) return { kind: 'cidr', cidr };
  const pattern = text.toLowerCase().replace(/\.$/, '');
  return isHostName(pattern.replace(/^\*\./, '')) ? { kind: 'host', pattern } : undefined;
}

function parseCidr(text: string): string | undefined {
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

function parsePorts(text: string): { from: number; to: number } | undefined {
  const [fromText = '', toText = fromText, ...rest] = text.split('-');
  const from = parsePort(fromText);
  const to = parsePort(toText);
  if (from === undefined || to === undefined || from > to || rest.length > 0) return undefined;
  return { from, to };
}
