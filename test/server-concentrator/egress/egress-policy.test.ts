import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type EgressRule, parseEgressRule } from '../../../server-concentrator/config/egress-rule.ts';
import { createEgressPolicy } from '../../../server-concentrator/egress/egress-policy.ts';

function rules(...lines: string[]): EgressRule[] {
  return lines.map((line) => {
    const rule = parseEgressRule(line);
    if (!rule) throw new Error(`not a rule: ${line}`);
    return rule;
  });
}

function policy({ allow = [], deny = [], own = [], listen = [8443] }: PolicySketch = {}) {
  return createEgressPolicy({
    allow: rules(...allow),
    deny: rules(...deny),
    ownAddresses: own,
    listenPorts: listen,
  });
}

interface PolicySketch {
  allow?: string[];
  deny?: string[];
  own?: string[];
  listen?: number[];
}

/** What stays reachable: each just outside a special range, or an IPv6 form of a public IPv4 address. */
const ORDINARY = [
  '1.1.1.1',
  '8.8.8.8',
  '9.255.255.255',
  '11.0.0.0',
  '100.63.255.255',
  '100.128.0.0',
  '126.255.255.255',
  '128.0.0.0',
  '168.63.129.15',
  '169.253.255.255',
  '169.255.0.0',
  '172.15.255.255',
  '172.32.0.0',
  '191.255.255.255',
  '192.0.1.0',
  '192.0.3.0',
  '192.167.255.255',
  '192.169.0.0',
  '198.17.255.255',
  '198.20.0.0',
  '203.0.114.0',
  '223.255.255.255',
  '2001:200::1',
  '2001:db7:ffff::1',
  '2001:db9::1',
  '2606:4700:4700::1111',
  '2a00:1450:4001:80b::200e',
  '2620:4f:8000::1',
  '3ffe::1',
  '::ffff:8.8.8.8',
  '::ffff:808:808',
  '0:0:0:0:0:ffff:0808:0808',
  '64:ff9b::8.8.8.8',
  '64:ff9b::808:808',
  '2002:808:808::1',
];

const SPECIAL: [address: string, name: string][] = [
  ['0.0.0.0', 'unspecified'],
  ['0.1.2.3', 'this network'],
  ['10.0.0.1', 'private'],
  ['10.255.255.255', 'private'],
  ['100.64.0.1', 'carrier-grade NAT'],
  ['100.100.100.200', 'cloud metadata'],
  ['100.127.255.255', 'carrier-grade NAT'],
  ['127.0.0.1', 'loopback'],
  ['127.255.255.254', 'loopback'],
  ['168.63.129.16', 'cloud metadata'],
  ['169.254.0.1', 'link-local'],
  ['169.254.169.254', 'cloud metadata'],
  ['169.254.170.2', 'link-local'],
  ['172.16.0.1', 'private'],
  ['172.31.255.255', 'private'],
  ['192.0.0.192', 'cloud metadata'],
  ['192.0.2.1', 'documentation'],
  ['192.88.99.1', '6to4 relay anycast'],
  ['192.168.1.1', 'private'],
  ['198.18.0.1', 'benchmarking'],
  ['198.19.255.255', 'benchmarking'],
  ['198.51.100.7', 'documentation'],
  ['203.0.113.7', 'documentation'],
  ['224.0.0.1', 'multicast'],
  ['239.255.255.250', 'multicast'],
  ['240.0.0.1', 'reserved'],
  ['255.255.255.255', 'broadcast'],
  ['::', 'unspecified'],
  ['::1', 'loopback'],
  ['0:0:0:0:0:0:0:1', 'loopback'],
  ['0000:0000:0000:0000:0000:0000:0000:0001', 'loopback'],
  ['::127.0.0.1', 'IPv4-compatible'],
  ['::8.8.8.8', 'IPv4-compatible'],
  ['::ffff:127.0.0.1', 'loopback'],
  ['::ffff:7f00:1', 'loopback'],
  ['::FFFF:7F00:0001', 'loopback'],
  ['0:0:0:0:0:ffff:a00:1', 'private'],
  ['::ffff:169.254.169.254', 'cloud metadata'],
  ['::ffff:a9fe:a9fe', 'cloud metadata'],
  ['::ffff:0.0.0.0', 'unspecified'],
  ['::ffff:0:8.8.8.8', 'IPv4-translated'],
  ['64:ff9b::127.0.0.1', 'loopback'],
  ['64:ff9b::a9fe:a9fe', 'cloud metadata'],
  ['64:ff9b::10.0.0.1', 'private'],
  ['64:ff9b:1::8.8.8.8', 'local-use NAT64'],
  ['64:ff9b:1:a00:0:100::', 'local-use NAT64'],
  ['64:ff9b:2::1', 'outside global unicast'],
  ['100::1', 'discard-only'],
  ['100:0:0:1::1', 'dummy prefix'],
  ['2002:7f00:1::1', 'loopback'],
  ['2002:a00:1::', 'private'],
  ['2002:c0a8:101::1', 'private'],
  ['2002:a9fe:a9fe::1', 'cloud metadata'],
  // Teredo, server 65.54.227.120: the client behind it is 10.0.0.1 (inverted f5ff:fffe), then 192.0.2.45.
  ['2001:0:4136:e378:8000:63bf:f5ff:fffe', 'private'],
  ['2001:0:4136:e378:8000:63bf:3fff:fdd2', 'documentation'],
  // Teredo with a loopback server and the public client 8.8.8.8.
  ['2001:0:7f00:1:0:0:f7f7:f7f7', 'loopback'],
  ['2001:2::1', 'benchmarking'],
  ['2001:1::1', 'IETF protocol assignments'],
  ['2001:20::1', 'IETF protocol assignments'],
  ['2001:db8::1', 'documentation'],
  ['3fff::1', 'documentation'],
  ['4000::1', 'outside global unicast'],
  ['5f00::1', 'segment routing'],
  ['fc00::1', 'unique local'],
  ['fd00:ec2::254', 'cloud metadata'],
  ['fd20:ce::254', 'cloud metadata'],
  ['fdff:ffff::1', 'unique local'],
  ['fe80::1', 'link-local'],
  ['febf::1', 'link-local'],
  ['fec0::1', 'site-local'],
  ['ff02::1', 'multicast'],
];

describe('addresses without rules', () => {
  test.each(ORDINARY)('%s is allowed', (address) => {
    expect(policy().checkAddress(address, 443)).toEqual({ allowed: true });
  });

  test.each(SPECIAL)('%s is refused as %s', (address, name) => {
    expect(policy().checkAddress(address, 443)).toEqual({
      allowed: false,
      reason: expect.stringContaining(`(${name}`),
    });
  });

  test.each([
    '',
    'localhost',
    '127.1',
    '0x7f000001',
    '2130706433',
    '010.0.0.1',
    '1.2.3.4.5',
    '[::1]',
    'fe80::1%eth0',
    '::1%lo',
  ])('"%s" is refused as no address', (text) => {
    expect(policy().checkAddress(text, 443)).toMatchObject({ allowed: false });
  });

  test('an IPv6 form of an IPv4 address passes exactly when the IPv4 address does', () => {
    const octet = fc.integer({ min: 0, max: 255 });
    fc.assert(
      fc.property(fc.tuple(octet, octet, octet, octet), (octets) => {
        const ipv4 = octets.join('.');
        const hex = octets.map((value) => value.toString(16).padStart(2, '0')).join('');
        const group = `${hex.slice(0, 4)}:${hex.slice(4)}`;
        const { allowed } = policy().checkAddress(ipv4, 443);
        for (const form of [`::ffff:${ipv4}`, `::ffff:${group}`, `64:ff9b::${ipv4}`, `2002:${group}::1`]) {
          expect([form, policy().checkAddress(form, 443).allowed]).toEqual([form, allowed]);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('this machine', () => {
  const own = ['8.8.4.4', '2a00:1450:4001:80b::1', '10.0.0.5'];

  test.each(['8.8.4.4', '::ffff:8.8.4.4', '64:ff9b::8.8.4.4', '2a00:1450:4001:80b:0:0:0:1'])(
    'its public address as %s is refused',
    (address) => {
      expect(policy({ own }).checkAddress(address, 22)).toEqual({
        allowed: false,
        reason: expect.stringContaining('this machine'),
      });
    },
  );

  test('a neighbour of its public address is allowed', () => {
    expect(policy({ own }).checkAddress('8.8.4.5', 22).allowed).toBe(true);
  });

  test('an allow rule opens its public address, but never the listening port', () => {
    const opened = policy({ own, allow: ['8.8.4.4', '127.0.0.0/8', '::1'], listen: [8443, 443] });
    expect(opened.checkAddress('8.8.4.4', 80).allowed).toBe(true);
    for (const address of ['8.8.4.4', '127.0.0.1', '127.8.9.1', '::1', '::ffff:127.0.0.1']) {
      for (const port of [8443, 443]) {
        expect(opened.checkAddress(address, port)).toEqual({
          allowed: false,
          reason: expect.stringContaining('this concentrator itself'),
        });
      }
    }
    expect(opened.checkAddress('8.8.8.8', 8443).allowed).toBe(true);
  });

  test('an own address that is none is a misuse', () => {
    expect(() => policy({ own: ['fe80::1%eth0'] })).toThrow(/own address/);
  });
});

describe('rules', () => {
  test('a network allow opens special addresses, for its ports only', () => {
    const opened = policy({ allow: ['10.1.0.0/16:22', '[fd00::/8]:8000-8010', '127.0.0.1'] });
    expect(opened.checkAddress('10.1.2.3', 22).allowed).toBe(true);
    expect(opened.checkAddress('10.1.2.3', 23).allowed).toBe(false);
    expect(opened.checkAddress('10.2.2.3', 22).allowed).toBe(false);
    expect(opened.checkAddress('::ffff:10.1.2.3', 22).allowed).toBe(true);
    expect(opened.checkAddress('fd12::1', 8000).allowed).toBe(true);
    expect(opened.checkAddress('fd12::1', 8010).allowed).toBe(true);
    expect(opened.checkAddress('fd12::1', 8011).allowed).toBe(false);
    expect(opened.checkAddress('127.0.0.1', 1).allowed).toBe(true);
    expect(opened.checkAddress('127.0.0.2', 1).allowed).toBe(false);
  });

  test('allowing a carrier prefix does not open the special address inside', () => {
    const opened = policy({ allow: ['64:ff9b::/96', '2002::/16', '::/0'] });
    expect(opened.checkAddress('64:ff9b::10.0.0.1', 80).allowed).toBe(false);
    expect(opened.checkAddress('2002:a00:1::1', 80).allowed).toBe(false);
    expect(opened.checkAddress('::ffff:10.0.0.1', 80).allowed).toBe(false);
    expect(opened.checkAddress('fd00::1', 80).allowed).toBe(true);
  });

  test('host patterns and * open no special address', () => {
    const opened = policy({ allow: ['*', '*.example.org', 'internal.example.org'] });
    expect(opened.checkHost('internal.example.org', 80).allowed).toBe(true);
    expect(opened.checkAddress('10.0.0.1', 80).allowed).toBe(false);
  });

  test('deny wins over allow', () => {
    const mixed = policy({ allow: ['10.0.0.0/8'], deny: ['10.0.0.1', '8.8.8.0/24', '2606:4700::/32'] });
    expect(mixed.checkAddress('10.0.0.2', 80).allowed).toBe(true);
    for (const denied of ['10.0.0.1', '::ffff:10.0.0.1', '8.8.8.8', '64:ff9b::8.8.8.8', '2606:4700::1']) {
      expect(mixed.checkAddress(denied, 80)).toEqual({
        allowed: false,
        reason: expect.stringContaining('denied by the rule'),
      });
    }
    const opposed = policy({ allow: ['127.0.0.0/8'], deny: ['127.0.0.0/8'] });
    expect(opposed.checkAddress('127.0.0.1', 80).allowed).toBe(false);
  });

  test('the reason names the rule', () => {
    expect(policy({ deny: ['8.8.8.0/24:53'] }).checkAddress('8.8.8.8', 53)).toEqual({
      allowed: false,
      reason: '8.8.8.8 port 53 is denied by the rule "8.8.8.0/24:53"',
    });
  });

  test.each([
    ['example.org', 'example.org', true],
    ['example.org', 'www.example.org', false],
    ['example.org', 'badexample.org', false],
    ['*.example.org', 'www.example.org', true],
    ['*.example.org', 'a.b.example.org', true],
    ['*.example.org', 'example.org', false],
    ['*.example.org', 'badexample.org', false],
    ['*.example.org', 'example.org.evil.net', false],
    ['*', 'anything.net', true],
    ['*', '8.8.8.8', true],
  ])('deny %s on the name %s: %s', (pattern, host, denied) => {
    expect(policy({ deny: [pattern] }).checkHost(host, 443).allowed).toBe(!denied);
  });

  test('a host deny with ports applies to these only', () => {
    const mail = policy({ deny: ['*:25', 'www.example.org:6000-7000'] });
    expect(mail.checkHost('mail.example.org', 25).allowed).toBe(false);
    expect(mail.checkHost('mail.example.org', 587).allowed).toBe(true);
    expect(mail.checkHost('www.example.org', 6000).allowed).toBe(false);
    expect(mail.checkHost('www.example.org', 7000).allowed).toBe(false);
    expect(mail.checkHost('www.example.org', 7001).allowed).toBe(true);
  });
});
