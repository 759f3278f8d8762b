import { describe, expect, it } from 'vitest';
import { formatEgressRule, parseEgressRule } from '../../../server-concentrator/config/egress-rule.ts';

describe('an egress rule', () => {
  it.each([
    ['10.0.0.0/8', { target: { kind: 'cidr', cidr: '10.0.0.0/8' } }],
    ['10.0.0.0/8:22', { target: { kind: 'cidr', cidr: '10.0.0.0/8' }, ports: { from: 22, to: 22 } }],
    ['fd00::/8', { target: { kind: 'cidr', cidr: 'fd00::/8' } }],
    ['[fd00::/8]:22', { target: { kind: 'cidr', cidr: 'fd00::/8' }, ports: { from: 22, to: 22 } }],
    ['*.example.org', { target: { kind: 'host', pattern: '*.example.org' } }],
    ['host:443', { target: { kind: 'host', pattern: 'host' }, ports: { from: 443, to: 443 } }],
    ['*:25', { target: { kind: 'any' }, ports: { from: 25, to: 25 } }],
    ['*', { target: { kind: 'any' } }],
    ['*:6000-7000', { target: { kind: 'any' }, ports: { from: 6000, to: 7000 } }],
  ])('%s is read, and written again', (text, expected) => {
    const rule = parseEgressRule(text);
    expect(rule).toEqual(expected);
    expect(rule && formatEgressRule(rule)).toBe(text);
  });

  it.each([
    ['192.168.1.7', '192.168.1.7/32'],
    ['::1', '::1/128'],
    ['[::1]:80', '[::1/128]:80'],
    ['2001:DB8:0::/32', '2001:db8::/32'],
    ['Host.Example.ORG.', 'host.example.org'],
    ['0.0.0.0/0', '0.0.0.0/0'],
  ])('%s is brought to %s', (text, canonical) => {
    const rule = parseEgressRule(text);
    expect(rule && formatEgressRule(rule)).toBe(canonical);
  });

  it.each([
    '',
    ':80',
    '10.0.0.1/8',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0/8',
    '010.0.0.0/8',
    '127.1',
    '0x7f000001',
    'fd00::1/8',
    'fe80::%eth0/64',
    'host:0',
    'host:65536',
    'host:80-70',
    'host:80-90-100',
    'host:http',
    'host:',
    '**.example.org',
    'a.*.org',
    '*.',
    'exa mple.org',
    'http://example.org',
  ])('%j is refused', (text) => expect(parseEgressRule(text)).toBeUndefined());
});
