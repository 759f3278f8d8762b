import { describe, expect, it, test } from 'vitest';
import { formatPrefix, nat64Prefixes, translatedAddress } from '../../../shared/runtime/address/nat64.ts';
import { judgeAddress } from '../../../shared/runtime/address/special-ranges.ts';

// RFC 6052 section 2.4, table 1 with 192.0.2.33; and what the same prefixes make of ipv4only.arpa.
const PREFIXES = [
  ['2001:db8::/32', '2001:db8:c000:221::', '2001:db8:c000:aa::', '2001:db8:c000:ab::'],
  ['2001:db8:100::/40', '2001:db8:1c0:2:21::', '2001:db8:1c0:0:aa::', '2001:db8:1c0:0:ab::'],
  [
    '2001:db8:122::/48',
    '2001:db8:122:c000:2:2100::',
    '2001:db8:122:c000:0:aa00::',
    '2001:db8:122:c000:0:ab00::',
  ],
  ['2001:db8:122:300::/56', '2001:db8:122:3c0:0:221::', '2001:db8:122:3c0:0:aa::', '2001:db8:122:3c0:0:ab::'],
  [
    '2001:db8:122:344::/64',
    '2001:db8:122:344:c0:2:2100:0',
    '2001:db8:122:344:c0:0:aa00::',
    '2001:db8:122:344:c0:0:ab00::',
  ],
  [
    '2001:db8:122:344::/96',
    '2001:db8:122:344::c000:221',
    '2001:db8:122:344::c000:aa',
    '2001:db8:122:344::c000:ab',
  ],
  ['64:ff9b::/96', '64:ff9b::c000:221', '64:ff9b::c000:aa', '64:ff9b::c000:ab'],
] as const;

describe.each(PREFIXES)('a translator with the prefix %s', (cidr, translated, first, second) => {
  test.each([[[first, second]], [[first]], [[second]]])('is found by %j', (answers) => {
    const prefixes = nat64Prefixes(answers);
    expect(prefixes.map(formatPrefix)).toEqual([cidr]);
    expect(translatedAddress(prefixes[0]!, '192.0.2.33')).toBe(translated);
  });

  test('shows the IPv4 address that is behind', () => {
    const prefixes = nat64Prefixes([first]);
    const forms = judgeAddress(translatedAddress(prefixes[0]!, '10.1.2.3'), prefixes) ?? [];
    expect(forms.map(({ address }) => address.toString())).toContain('10.1.2.3');
    expect(forms.some(({ special }) => special?.name === 'private')).toBe(true);
  });
});

describe('the prefixes of translators', () => {
  it('are none where the answer shows none', () => {
    expect(nat64Prefixes([])).toEqual([]);
    expect(nat64Prefixes(['2001:db8::1', '192.0.0.170', '::ffff:192.0.0.170', '2001:db8::c000:a9'])).toEqual([
      ...nat64Prefixes(['::ffff:192.0.0.170']),
    ]);
    // Bits 64 to 71 are zero.
    expect(nat64Prefixes(['2001:db8:122:344:100::c000:aa'])).toEqual([]);
  });

  it('are several where there are several, and four at most', () => {
    const found = nat64Prefixes(['64:ff9b::c000:aa', '2001:db8:1::c000:aa', '64:ff9b::c000:ab']);
    expect(found.map(formatPrefix)).toEqual(['64:ff9b::/96', '2001:db8:1::/96']);
    const many = Array.from({ length: 20 }, (_, index) => `2001:db8:${index + 1}::c000:aa`);
    expect(nat64Prefixes(many)).toHaveLength(4);
  });

  it('are told apart by the second address where the first can be read in two ways', () => {
    const ambiguous = '2001:db8:c000:aa::c000:aa';
    expect(nat64Prefixes([ambiguous, '2001:db8:c000:aa::c000:ab']).map(formatPrefix)).toEqual([
      '2001:db8:c000:aa::/96',
    ]);
  });

  it('open the range that is set aside for them, and no other special one', () => {
    const specials = (address: string, shown: string) =>
      judgeAddress(address, nat64Prefixes([shown]))?.flatMap(({ special }) => special?.name ?? []);
    expect(specials('64:ff9b:1::c629:4', '64:ff9b:1::c000:aa')).toEqual([]);
    expect(specials('64:ff9b:1::a01:203', '64:ff9b:1::c000:aa')).toEqual(['private']);
    expect(specials('64:ff9b:1:1::c629:4', '64:ff9b:1::c000:aa')).toEqual(['local-use NAT64']);
    expect(specials('fd00:64::c629:4', 'fd00:64::c000:aa')).toEqual(['unique local']);
  });
});
