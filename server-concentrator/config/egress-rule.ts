import { isHostName } from '../../shared/runtime/address/host-port.ts';
import {
  formatPortRange,
  type PortRange,
  parseNetwork,
  parsePortRange,
} from '../../shared/runtime/config/ranges.ts';

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
  readonly ports?: PortRange;
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
  const ports = parsePortRange(portText);
  return ports && { target, ports };
}

/** The rule as a line of the configuration file. */
export function formatEgressRule({ target, ports }: EgressRule): string {
  const text = formatTarget(target);
  if (!ports) return text;
  return `${text.includes(':') ? `[${text}]` : text}:${formatPortRange(ports)}`;
}

function formatTarget(target: EgressRule['target']): string {
  switch (target.kind) {
    case 'any':
      return '*';
    case 'cidr':
      return target.cidr;
    case 'host':
      return target.pattern;
  }
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
  const cidr = parseNetwork(text);
  if (cidr) return { kind: 'cidr', cidr };
  const pattern = text.toLowerCase().replace(/\.$/, '');
  return isHostName(pattern.replace(/^\*\./, '')) ? { kind: 'host', pattern } : undefined;
}
