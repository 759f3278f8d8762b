import { expect, it } from 'vitest';
import { AddressRanges } from '../../../shared/runtime/address/address-ranges.ts';

it.each([
  // [ranges, address, whether it is in them]
  [['192.168.9.0/24'], '192.168.9.1', true],
  [['192.168.9.0/24'], '192.168.10.1', false],
  [['192.168.9.7/32'], '192.168.9.7', true],
  [['192.168.9.7/32'], '192.168.9.8', false],
  [['10.0.0.0/8', '192.168.9.0/24'], '192.168.9.255', true],
  // As a dual-stack socket spells IPv4 addresses.
  [['192.168.9.0/24'], '::ffff:192.168.9.1', true],
  [['192.168.9.0/24'], '::ffff:c0a8:901', true],
  [['192.168.9.0/24'], '::ffff:192.168.10.1', false],
  // And a range so written.
  [['::ffff:192.168.9.0/120'], '192.168.9.1', true],
  [['::ffff:192.168.9.0/120'], '::ffff:192.168.9.1', true],
  [['::ffff:192.168.9.0/120'], '192.168.10.1', false],
  [['2001:db8:9::/48'], '2001:db8:9::1', true],
  [['2001:db8:9::/48'], '2001:db8:a::1', false],
  [['fe80::/10'], 'fe80::1%eth0', true],
  [['0.0.0.0/0'], '203.0.113.9', true],
  [['0.0.0.0/0'], '2001:db8::1', false],
  [['::/0'], '2001:db8::1', true],
  [['::/0'], '192.0.2.1', false],
  // IPv4 inside another IPv6 address is no source of that address.
  [['192.168.9.0/24'], '64:ff9b::c0a8:901', false],
  [['192.168.9.0/24'], '::192.168.9.1', false],
  [['192.168.9.0/24'], '', false],
  [['192.168.9.0/24'], 'unix', false],
  [[], '127.0.0.1', false],
])('%j has %s: %s', (ranges, address, isIn) => {
  expect(new AddressRanges(ranges).has(address)).toBe(isIn);
});

it('knows whether there are any', () => {
  expect([new AddressRanges([]).isEmpty, new AddressRanges(['::/0']).isEmpty]).toEqual([true, false]);
});
