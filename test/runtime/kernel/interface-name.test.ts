import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  interfaceNameBytes,
  interfaceNameOf,
  isInterfaceName,
} from '../../../shared/runtime/kernel/interface-name.ts';

describe('the name of an interface', () => {
  it.each([
    ['wan0', [0x77, 0x61, 0x6e, 0x30]],
    ['wän1', [0x77, 0xc3, 0xa4, 0x6e, 0x31]],
    ['w%E4n', [0x77, 0xe4, 0x6e]],
    ['a%01%7Fb', [0x61, 0x01, 0x7f, 0x62]],
    ['100%', [0x31, 0x30, 0x30, 0x25]],
    ['50%25ab', [0x35, 0x30, 0x25, 0x61, 0x62]],
    ['無線', [0xe7, 0x84, 0xa1, 0xe7, 0xb7, 0x9a]],
  ])('%s', (text, bytes) => {
    expect([...interfaceNameBytes(text)]).toEqual(bytes);
    expect(interfaceNameOf(Uint8Array.from(bytes))).toBe(text);
  });

  it('may be written otherwise, too', () => {
    expect(interfaceNameOf(interfaceNameBytes('w%c3%a4n%31'))).toBe('wän1');
  });

  it.each([
    'eth0',
    'wän1',
    'a b',
    'w%E4n',
    '%00',
    '',
    'sixteen-bytes-ab',
    'ääääääää',
    'a/b',
    'a:1',
    '..',
    'à',
  ])('is one that the kernel takes: %s', (name) => {
    expect(isInterfaceName(name)).toBe(['eth0', 'wän1', 'w%E4n'].includes(name));
  });

  it('keeps any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 15 }), (bytes) => {
        expect([...interfaceNameBytes(interfaceNameOf(bytes))]).toEqual([...bytes]);
      }),
    );
  });
});
