import { isIPv6 } from 'node:net';
import { type Destination, formatDestination } from '../../shared/protocol/destination.ts';

/** Which connections are redirected to the client, and which are not. */
export interface Redirection {
  /** Where the client takes them, as `TransparentSettings.listen`. */
  readonly listen: readonly Destination[];
  /** Interfaces of networks behind this machine, whose connections are forwarded here. */
  readonly lan: readonly string[];
  /** This machine's own connections are redirected, except those of this user: the client's own. Absent: none are. */
  readonly local?: { readonly exceptUserId: number };
  /** Addresses and networks that connections go to as if there were no rules. */
  readonly usualWay: readonly string[];
  /** QUIC (UDP port 443) is refused, so that browsers use TCP, which is redirected. */
  readonly refusesQuic: boolean;
}

/** What nobody means who redirects connections to the internet: this machine, a link, groups. */
export const NEVER_REDIRECTED = [
  ...['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/4', '240.0.0.0/4'],
  ...['::/128', '::1/128', 'fe80::/10', 'ff00::/8'],
] as const;

/** Local networks (RFC 1918, RFC 6598, RFC 4193), which the concentrator would not reach. */
export const PRIVATE_NETWORKS = [
  ...['10.0.0.0/8', '100.64.0.0/10', '172.16.0.0/12', '192.168.0.0/16'],
  'fc00::/7',
] as const;

/** Nobody else's: the guide to the services has an administrator make another, `inet tributary`, at the concentrator. */
const TABLE = 'inet tributary_redirect';

/** Takes the rules back, also where there are none. */
export const NO_RULES = `table ${TABLE}\ndelete table ${TABLE}\n`;

/** Whose connections a chain has: those of this machine, or those of the networks behind it. */
export type Origin = 'local' | 'lan';

/** The family's address that takes connections of this origin; undefined where none can. */
export function listenerFor(
  listen: readonly Destination[],
  family: 4 | 6,
  origin: Origin,
): Destination | undefined {
  return listen.find(({ host }) => {
    if (isIPv6(host) !== (family === 6)) return false;
    // What comes from outside is not routed to loopback.
    return origin === 'local' || !(host.startsWith('127.') || host === '::1');
  });
}

/**
 * A script for `nft -f` that puts exactly these rules into a table of their own, in one step; a table of before is replaced. Nothing
 * outside of the table is touched.
 */
export function redirectRules({ listen, lan, local, usualWay, refusesQuic }: Redirection): string {
  const networks = [...NEVER_REDIRECTED, ...usualWay];
  const chains = [
    chain('usual_way', [
      'fib daddr type local accept',
      'ip daddr @usual_ipv4 accept',
      'ip6 daddr @usual_ipv6 accept',
    ]),
  ];
  if (lan.length > 0) {
    const isLan = `iifname { ${lan.map((name) => `"${name}"`).join(', ')} }`;
    chains.push(natChain('lan', 'prerouting', `${isLan} jump lan_tcp`));
    chains.push(chain('lan_tcp', ['jump usual_way', ...targets(listen, 'lan')]));
    if (refusesQuic) chains.push(quicChain('lan_quic', 'forward', [`${isLan} udp dport 443 jump refuse`]));
  }
  if (local !== undefined) {
    const isOwn = `meta skuid ${local.exceptUserId} accept`;
    chains.push(natChain('local', 'output', isOwn, 'jump usual_way', ...targets(listen, 'local')));
    if (refusesQuic) chains.push(quicChain('local_quic', 'output', [isOwn, 'udp dport 443 jump refuse']));
  }
  if (refusesQuic) chains.push(chain('refuse', ['jump usual_way', 'reject']));
  return [
    '# Written by "tributary-client transparent": leads connections to the client. Its table holds nothing else.\n',
    NO_RULES,
    `table ${TABLE} {\n`,
    setOf(
      'usual_ipv4',
      'ipv4_addr',
      networks.filter((network) => !network.includes(':')),
    ),
    setOf(
      'usual_ipv6',
      'ipv6_addr',
      networks.filter((network) => network.includes(':')),
    ),
    ...chains,
    '}\n',
  ].join('');
}

/** Where the connections of each family go that nothing has left out. */
function targets(listen: readonly Destination[], origin: Origin): string[] {
  return ([4, 6] as const).flatMap((family) => {
    const point = listenerFor(listen, family, origin);
    if (point === undefined) return [];
    const isAny = point.host === '0.0.0.0' || point.host === '::';
    // Of several addresses `redirect` takes that of the interface, or the loopback one.
    const how = isAny
      ? `redirect to :${point.port}`
      : `dnat ${family === 4 ? 'ip' : 'ip6'} to ${formatDestination(point)}`;
    return [`meta nfproto ipv${family} meta l4proto tcp ${how}`];
  });
}

/** Destination NAT happens at priority -100; named priorities are not known to each version for each hook. */
function natChain(name: string, hook: string, ...rules: readonly string[]): string {
  return chain(name, [`type nat hook ${hook} priority -100; policy accept;`, ...rules]);
}

function quicChain(name: string, hook: string, rules: readonly string[]): string {
  return chain(name, [`type filter hook ${hook} priority 0; policy accept;`, ...rules]);
}

function chain(name: string, lines: readonly string[]): string {
  return `\tchain ${name} {\n${lines.map((line) => `\t\t${line}\n`).join('')}\t}\n`;
}

function setOf(name: string, type: string, networks: readonly string[]): string {
  const lines = [`type ${type}; flags interval; auto-merge;`, `elements = { ${networks.join(', ')} }`];
  return `\tset ${name} {\n${lines.map((line) => `\t\t${line}\n`).join('')}\t}\n`;
}
