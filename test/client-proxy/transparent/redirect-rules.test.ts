import { describe, expect, it } from 'vitest';
import { redirectRules } from '../../../client-proxy/transparent/redirect-rules.ts';
import { listenerFor, type Redirection } from '../../../client-proxy/transparent/redirection.ts';

const ANY = [
  { host: '0.0.0.0', port: 12345 },
  { host: '::', port: 12345 },
];

function rules(changes: Partial<Redirection>): string {
  const none = { lan: [], usualWay: [], refusesQuic: false, usesTproxy: false, leadsUdp: false };
  return redirectRules({ listen: ANY, ...none, ...changes });
}

/** The chain's lines. */
function chainOf(script: string, name: string): string[] {
  const body = new RegExp(`\\tchain ${name} \\{\\n(.*?)\\t\\}`, 's').exec(script)?.[1];
  return (body ?? '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

describe('the redirecting rules', () => {
  it('replace the table of before, and have nothing outside of it', () => {
    const script = rules({ lan: ['lan0'], local: { exceptUserId: 1000 }, refusesQuic: true });
    const outside = script.split('\n').filter((line) => line !== '' && !/^[\t#}]/.test(line));
    expect(outside).toEqual([
      'table inet tributary_redirect',
      'delete table inet tributary_redirect',
      'table inet tributary_redirect {',
    ]);
  });

  it('for a network behind this machine', () => {
    const script = rules({ lan: ['lan0', 'br-guest'] });
    expect(chainOf(script, 'lan')).toEqual([
      'type nat hook prerouting priority -100; policy accept;',
      'iifname { "lan0", "br-guest" } jump lan_tcp',
    ]);
    expect(chainOf(script, 'lan_tcp')).toEqual([
      'jump usual_way',
      'meta nfproto ipv4 meta l4proto tcp redirect to :12345',
      'meta nfproto ipv6 meta l4proto tcp redirect to :12345',
    ]);
    expect(script).not.toContain('hook output');
    expect(script).not.toContain('443');
  });

  it("for this machine leave out the client's own user first", () => {
    const script = rules({ local: { exceptUserId: 997 } });
    expect(chainOf(script, 'local')).toEqual([
      'type nat hook output priority -100; policy accept;',
      'meta skuid 997 accept',
      'jump usual_way',
      'meta nfproto ipv4 meta l4proto tcp redirect to :12345',
      'meta nfproto ipv6 meta l4proto tcp redirect to :12345',
    ]);
    expect(script).not.toContain('hook prerouting');
  });

  it('leave out this machine, loopback, and what else goes its usual way', () => {
    const script = rules({ local: { exceptUserId: 1 }, usualWay: ['10.0.0.0/8', '2001:db8::1'] });
    expect(chainOf(script, 'usual_way')).toEqual([
      'fib daddr type local accept',
      'ip daddr @usual_ipv4 accept',
      'ip6 daddr @usual_ipv6 accept',
    ]);
    expect(script).toMatch(/set usual_ipv4 \{[^}]*\b127\.0\.0\.0\/8\b[^}]*\b10\.0\.0\.0\/8\b/);
    expect(script).toMatch(/set usual_ipv6 \{[^}]*::1\/128\b[^}]*\b2001:db8::1\b/);
  });

  it('lead to the very address that is listened at', () => {
    const listen = [
      { host: '127.0.0.1', port: 1 },
      { host: '192.168.9.1', port: 2 },
      { host: 'fd00::1', port: 3 },
    ];
    const script = rules({ listen, lan: ['lan0'], local: { exceptUserId: 1 } });
    expect(chainOf(script, 'local').slice(-2)).toEqual([
      'meta nfproto ipv4 meta l4proto tcp dnat ip to 127.0.0.1:1',
      'meta nfproto ipv6 meta l4proto tcp dnat ip6 to [fd00::1]:3',
    ]);
    expect(chainOf(script, 'lan_tcp').slice(-2)).toEqual([
      'meta nfproto ipv4 meta l4proto tcp dnat ip to 192.168.9.1:2',
      'meta nfproto ipv6 meta l4proto tcp dnat ip6 to [fd00::1]:3',
    ]);
  });

  it('refuse QUIC where that is wanted, and only of those whose TCP is redirected', () => {
    const script = rules({ lan: ['lan0'], local: { exceptUserId: 997 }, refusesQuic: true });
    expect(chainOf(script, 'lan_quic')).toEqual([
      'type filter hook forward priority 0; policy accept;',
      'iifname { "lan0" } udp dport 443 jump refuse',
    ]);
    expect(chainOf(script, 'local_quic')).toEqual([
      'type filter hook output priority 0; policy accept;',
      'meta skuid 997 accept',
      'udp dport 443 jump refuse',
    ]);
    expect(chainOf(script, 'refuse')).toEqual(['jump usual_way', 'reject']);
  });
});

it.each([
  [4, 'local', '127.0.0.1'],
  [4, 'lan', '192.168.9.1'],
  [6, 'local', '::1'],
  [6, 'lan', undefined],
] as const)('the address for IPv%i, %s', (family, origin, expected) => {
  const listen = ['127.0.0.1', '192.168.9.1', '::1'].map((host) => ({ host, port: 1 }));
  expect(listenerFor(listen, family, origin)?.host).toBe(expected);
});
