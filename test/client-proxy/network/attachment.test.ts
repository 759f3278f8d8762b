import { expect, it } from 'vitest';
import { attachmentOf } from '../../../client-proxy/network/attachment.ts';
import type { DeviceBinding } from '../../../client-proxy/uplink/uplink.ts';
import { device, view } from './views.ts';

const LTE: DeviceBinding = { kind: 'interface', interface: 'wwan0' };
const ADDRESS: DeviceBinding = { kind: 'address', address: '192.168.8.100' };
const routing = { sources: [] as string[], strays: [] as string[], ways: [] };

it.each([
  ['an interface', LTE, '203.0.113.9', device('wwan0', { routing }), { interface: 'wwan0' }],
  [
    'an interface whose rule wants a source address',
    LTE,
    '203.0.113.9',
    device('wwan0', { routing: { ...routing, sources: ['192.168.8.100', 'fd00::1'] } }),
    { interface: 'wwan0', address: '192.168.8.100' },
  ],
  [
    'and one of the other family',
    LTE,
    '2001:db8::9',
    device('wwan0', { routing: { ...routing, sources: ['192.168.8.100', 'fd00::1'] } }),
    { interface: 'wwan0', address: 'fd00::1' },
  ],
  ['an address', ADDRESS, '203.0.113.9', device('wwan0', { routing }), { address: '192.168.8.100' }],
  [
    'an address whose packets would leave elsewhere',
    ADDRESS,
    '203.0.113.9',
    device('wwan0', { routing: { ...routing, strays: ['192.168.8.100'] } }),
    { address: '192.168.8.100', interface: 'wwan0' },
  ],
  [
    'that cannot reach the other family anyway',
    ADDRESS,
    '2001:db8::9',
    device('wwan0', { routing: { ...routing, strays: ['192.168.8.100'] } }),
    { address: '192.168.8.100' },
  ],
] as const)('binds to %s', (_, binding, host, own, expected) => {
  expect(attachmentOf(binding, host, view(own))).toEqual(expected);
});

it('binds to an address alone where two interfaces have it, and one is right, or nothing is known', () => {
  const stray = device('wwan1', { routing: { ...routing, strays: ['192.168.8.100'] } });
  expect(attachmentOf(ADDRESS, '203.0.113.9', view(device('wwan0', { routing }), stray))).toEqual({
    address: '192.168.8.100',
  });
  expect(attachmentOf(ADDRESS, '203.0.113.9', undefined)).toEqual({ address: '192.168.8.100' });
  expect(attachmentOf(LTE, '203.0.113.9', undefined)).toEqual({ interface: 'wwan0' });
});
