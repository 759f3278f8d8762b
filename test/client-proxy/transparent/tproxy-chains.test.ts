import { describe, expect, it } from 'vitest';
import type { Redirection } from '../../../client-proxy/transparent/redirection.ts';
import { familiesOf, tproxyChains } from '../../../client-proxy/transparent/tproxy-chains.ts';

const ANY = [
  { host: '0.0.0.0', port: 12345 },
  { host: '::', port: 12345 },
];
const MARKED = 'meta mark set meta mark or 0x4000000';

function chains(changes: Partial<Redirection>): Record<string, string[]> {
  const none = { lan: [], usualWay: [], refusesQuic: false, usesTproxy: true, leadsUdp: false };
  const named = tproxyChains({ listen: ANY, ...none, ...changes }).map((text) => {
    const [, name = '', body = ''] = /^\tchain (\w+) \{\n(.*)\t\}\n$/s.exec(text) ?? [];
    return [
      name,
      body
        .trim()
        .split('\n')
        .map((line) => line.trim()),
    ] as const;
  });
  return Object.fromEntries(named);
}

const tproxy = (v4: string, v6: string) => [
  `meta nfproto ipv4 meta l4proto tcp tproxy ip to ${v4} ${MARKED} accept`,
  `meta nfproto ipv6 meta l4proto tcp tproxy ip6 to ${v6} ${MARKED} accept`,
];

describe('TPROXY', () => {
  it('leads what comes from a network behind this machine, but no answers', () => {
    expect(chains({ lan: ['lan0'] })).toEqual({
      lan: [
        'type filter hook prerouting priority -150; policy accept;',
        'iifname { "lan0" } jump lan_tproxy',
      ],
      lan_tproxy: ['ct direction reply accept', 'jump usual_way', ...tproxy(':12345', ':12345')],
    });
  });

  it("marks what this machine sends, without the client's own, and leads it when it comes back", () => {
    expect(chains({ local: { exceptUserId: 997 } })).toEqual({
      local: [
        'type route hook output priority -150; policy accept;',
        'meta skuid 997 accept',
        'ct direction reply accept',
        'jump usual_way',
        `meta nfproto ipv4 meta l4proto tcp ${MARKED}`,
        `meta nfproto ipv6 meta l4proto tcp ${MARKED}`,
      ],
      local_back: [
        'type filter hook prerouting priority -150; policy accept;',
        'iifname "lo" meta mark and 0x4000000 == 0x4000000 jump local_tproxy',
      ],
      local_tproxy: tproxy(':12345', ':12345'),
    });
  });

  it('leads UDP, too, where that is wanted', () => {
    const both = chains({ lan: ['lan0'], local: { exceptUserId: 997 }, leadsUdp: true });
    const udp = tproxy(':12345', ':12345').map((line) => line.replace('l4proto tcp', 'l4proto udp'));
    for (const name of ['lan_tproxy', 'local_tproxy']) {
      for (const line of [...udp, ...tproxy(':12345', ':12345')]) expect(both[name]).toContain(line);
    }
    expect(both.local).toContain(`meta nfproto ipv6 meta l4proto udp ${MARKED}`);
  });

  it('leads to the very address that is listened at, also to a loopback one', () => {
    const listen = [
      { host: '127.0.0.1', port: 1 },
      { host: 'fd00::1', port: 3 },
    ];
    expect(chains({ listen, lan: ['lan0'] }).lan_tproxy!.slice(-2)).toEqual(
      tproxy('127.0.0.1:1', '[fd00::1]:3'),
    );
  });

  it('leads the families alone that have an address', () => {
    expect(familiesOf([ANY[1]!])).toEqual([6]);
    expect(chains({ listen: [ANY[1]!], lan: ['lan0'] }).lan_tproxy!.slice(2)).toEqual(
      tproxy('', ':12345').slice(1),
    );
  });
});
