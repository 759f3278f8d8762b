import { type Destination, formatDestination } from '../../shared/protocol/destination.ts';
import { cameBy, chain, hookedChain, setOf } from './nft-text.ts';
import { isOwnUser, listenerFor, type Origin, type Redirection } from './redirection.ts';
import { tproxyChains } from './tproxy-chains.ts';

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

/**
 * A script for `nft -f` that puts exactly these rules into a table of their own, in one step; a table of before is replaced. Nothing
 * outside of the table is touched.
 */
export function redirectRules(redirection: Redirection): string {
  const { usualWay, refusesQuic, usesTproxy } = redirection;
  const networks = [...NEVER_REDIRECTED, ...usualWay];
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
    chain('usual_way', [
      'fib daddr type local accept',
      'ip daddr @usual_ipv4 accept',
      'ip6 daddr @usual_ipv6 accept',
    ]),
    ...(usesTproxy ? tproxyChains(redirection) : natChains(redirection)),
    ...(refusesQuic ? quicChains(redirection) : []),
    '}\n',
  ].join('');
}

/** They change the address that a connection goes to; the kernel tells the client the one of before. */
function natChains({ listen, lan, local }: Redirection): string[] {
  const chains: string[] = [];
  if (lan.length > 0) {
    chains.push(natChain('lan', 'prerouting', `${cameBy(lan)} jump lan_tcp`));
    chains.push(chain('lan_tcp', ['jump usual_way', ...targets(listen, 'lan')]));
  }
  if (local !== undefined) {
    chains.push(natChain('local', 'output', isOwnUser(local), 'jump usual_way', ...targets(listen, 'local')));
  }
  return chains;
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

/** Destination NAT happens at priority -100. */
function natChain(name: string, hook: string, ...rules: readonly string[]): string {
  return hookedChain(name, { type: 'nat', hook, priority: -100 }, rules);
}

/** Those whose TCP goes to the client use it in place of QUIC. */
function quicChains({ lan, local }: Redirection): string[] {
  const chains: string[] = [];
  const add = (name: string, hook: string, ...rules: readonly string[]) =>
    chains.push(hookedChain(name, { type: 'filter', hook, priority: 0 }, rules));
  if (lan.length > 0) add('lan_quic', 'forward', `${cameBy(lan)} udp dport 443 jump refuse`);
  if (local !== undefined) add('local_quic', 'output', isOwnUser(local), 'udp dport 443 jump refuse');
  return [...chains, chain('refuse', ['jump usual_way', 'reject'])];
}
