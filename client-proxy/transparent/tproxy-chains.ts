import { type Destination, formatDestination } from '../../shared/protocol/destination.ts';
import { cameBy, chain, hookedChain } from './nft-text.ts';
import { LOCAL_MARK } from './policy-routing.ts';
import { isOwnUser, listenerFor, type Redirection } from './redirection.ts';

/** Where "mangle" is: behind the tracking of connections, before their addresses are translated. */
const MANGLE = -150;

/**
 * The chains that lead connections to the client with their addresses as they are. A packet that is led there gets a mark, by
 * which the kernel routes it to this machine (`policyRouting`). Those of this machine itself are marked on their way out; so they come
 * back by the loopback interface, where they are led to the client.
 *
 * ```text
 * lan0 ──► prerouting: tproxy, mark ──► route of the mark ──► the client
 * output: mark ──► route of the mark ──► lo ──► prerouting: tproxy ──► the client
 * ```
 *
 * Answers of connections that others have begun are left alone: a mark would lead those to the client, too.
 */
export function tproxyChains({ listen, lan, local, leadsUdp }: Redirection): string[] {
  const chains: string[] = [];
  const protocols = leadsUdp ? (['tcp', 'udp'] as const) : (['tcp'] as const);
  const led = targets(listen, protocols);
  if (lan.length > 0) {
    const hook = { type: 'filter', hook: 'prerouting', priority: MANGLE };
    chains.push(hookedChain('lan', hook, [`${cameBy(lan)} jump lan_tproxy`]));
    chains.push(chain('lan_tproxy', [ANSWERS, 'jump usual_way', ...led]));
  }
  if (local !== undefined) {
    const out = { type: 'route', hook: 'output', priority: MANGLE };
    const back = { type: 'filter', hook: 'prerouting', priority: MANGLE };
    const marks = familiesOf(listen).flatMap((family) =>
      protocols.map((protocol) => `meta nfproto ipv${family} meta l4proto ${protocol} ${SET_MARK}`),
    );
    const isMarked = `meta mark and ${LOCAL_MARK} == ${LOCAL_MARK}`;
    chains.push(hookedChain('local', out, [isOwnUser(local), ANSWERS, 'jump usual_way', ...marks]));
    chains.push(hookedChain('local_back', back, [`iifname "lo" ${isMarked} jump local_tproxy`]));
    chains.push(chain('local_tproxy', led));
  }
  return chains;
}

/** The families that can be led to the client: it needs an address of theirs. */
export function familiesOf(listen: readonly Destination[]): readonly (4 | 6)[] {
  // Any address serves those from outside, too: the packet is given to the socket as it is.
  return ([4, 6] as const).filter((family) => listenerFor(listen, family, 'local') !== undefined);
}

const ANSWERS = 'ct direction reply accept';
const SET_MARK = `meta mark set meta mark or ${LOCAL_MARK}`;

/** Each protocol has a line for each family. */
function targets(listen: readonly Destination[], protocols: readonly string[]): string[] {
  return familiesOf(listen).flatMap((family) => {
    const point = listenerFor(listen, family, 'local')!;
    const isAny = point.host === '0.0.0.0' || point.host === '::';
    const to = `${family === 4 ? 'ip' : 'ip6'} to ${isAny ? `:${point.port}` : formatDestination(point)}`;
    return protocols.map(
      (protocol) => `meta nfproto ipv${family} meta l4proto ${protocol} tproxy ${to} ${SET_MARK} accept`,
    );
  });
}
