import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseAddress } from '../../../shared/runtime/address/ip-address.ts';
import { judgeAddress } from '../../../shared/runtime/address/special-ranges.ts';

/** Groups of an IPv6 address with many zeros, so that `::` occurs in every place. */
const GROUPS = fc.array(fc.oneof(fc.constant(0), fc.constant(0xffff), fc.integer({ min: 0, max: 0xffff })), {
  minLength: 8,
  maxLength: 8,
});

/** Every spelling that RFC 4291 section 2.2 allows for the groups: with `::` or not, with a dotted tail or not. */
function spellings(groups: readonly number[]): string[] {
  const hex = groups.map((group) => group.toString(16));
  const [high = 0, low = 0] = groups.slice(6);
  const dotted = [high >> 8, high & 255, low >> 8, low & 255].join('.');
  const forms: string[] = [];
  for (const parts of [
    hex,
    hex.map((group) => group.padStart(4, '0').toUpperCase()),
    [...hex.slice(0, 6), dotted],
  ]) {
    forms.push(parts.join(':'));
    for (let from = 0; from < parts.length; from++) {
      for (let to = from + 1; to <= parts.length && /^0+$/.test(parts[to - 1] ?? ''); to++) {
        forms.push(`${parts.slice(0, from).join(':')}::${parts.slice(to).join(':')}`);
      }
    }
  }
  return forms;
}

test('every spelling of an IPv6 address reads as its 16 bytes', () => {
  fc.assert(
    fc.property(GROUPS, (groups) => {
      const bytes = groups.flatMap((group) => [group >> 8, group & 255]);
      for (const text of spellings(groups)) {
        expect([text, parseAddress(text)?.toByteArray()]).toEqual([text, bytes]);
      }
    }),
    { numRuns: 300, examples: [[[0, 0, 0, 0, 0, 0, 0x808, 0x808]], [[0, 0, 0, 0, 0, 0xffff, 0x7f00, 1]]] },
  );
});

test.each([
  ['::ffff:192.0.2.1', ['192.0.2.1']],
  ['64:ff9b::c000:201', ['192.0.2.1']],
  ['2002:c000:201:5::9', ['192.0.2.1']],
  // The example of RFC 4380 section 4: server 65.54.227.120, client 192.0.2.45.
  ['2001:0:4136:e378:8000:63bf:3fff:fdd2', ['65.54.227.120', '192.0.2.45']],
  ['2001:db8::c000:201', []],
  ['192.0.2.1', []],
])('%s carries %j', (text, inside) => {
  expect(
    judgeAddress(text)
      ?.map(({ address }) => String(address))
      .slice(1),
  ).toEqual(inside);
});
