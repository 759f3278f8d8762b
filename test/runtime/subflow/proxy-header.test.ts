import { describe, expect, it } from 'vitest';
import { readProxyHeader } from '../../../shared/runtime/subflow/proxy-header.ts';
import { hex } from '../../protocol/support.ts';

const SIGNATURE = '0d0a0d0a000d0a515549540a';
const text = (line: string) => Buffer.from(line, 'latin1');
const longest = `PROXY UNKNOWN ${'f'.repeat(91)}\r\n`;
const CHECK = 'the balancer itself';

/** Written by hand from HAProxy's proxy-protocol.txt, sections 2.1 and 2.2. */
const WHOLE: readonly [string, Uint8Array, string | undefined][] = [
  ['version 2, IPv4', hex(`${SIGNATURE} 21 11 000c cb007109 c6336407 c350 01bb`), '203.0.113.9 50000'],
  [
    'version 2, IPv6',
    hex(
      `${SIGNATURE} 21 21 0024 20010db8000000000000000000000001 20010db8000000000000000000000002 0001 ffff`,
    ),
    '2001:db8::1 1',
  ],
  [
    'version 2, with more behind the addresses',
    hex(`${SIGNATURE} 21 11 0010 cb007109 c6336407 c350 01bb 040001 00`),
    '203.0.113.9 50000',
  ],
  [
    'version 2, IPv4 in an address of IPv6',
    hex(
      `${SIGNATURE} 21 21 0024 00000000000000000000ffffcb007109 00000000000000000000ffffc6336407 c350 01bb`,
    ),
    '203.0.113.9 50000',
  ],
  ...['::ffff:203.0.113.9', '::FFFF:cb00:7109', '0:0:0:0:0:ffff:cb00:7109'].map(
    (source): [string, Uint8Array, string] => [
      `version 1, IPv4 as ${source}`,
      text(`PROXY TCP6 ${source} ::ffff:198.51.100.7 50000 443\r\n`),
      '203.0.113.9 50000',
    ],
  ),
  ['version 2, the balancer itself', hex(`${SIGNATURE} 20 00 0000`), CHECK],
  [
    'version 2, the balancer itself, with addresses',
    hex(`${SIGNATURE} 20 11 000c cb007109 c6336407 c350 01bb`),
    CHECK,
  ],
  ['version 2, of no family', hex(`${SIGNATURE} 21 00 0000`), undefined],
  ['version 2, a Unix socket', hex(`${SIGNATURE} 21 31 0002 0000`), undefined],
  ['version 2, UDP', hex(`${SIGNATURE} 21 12 000c cb007109 c6336407 c350 01bb`), undefined],
  ['version 1, IPv4', text('PROXY TCP4 203.0.113.9 198.51.100.7 50000 443\r\n'), '203.0.113.9 50000'],
  ['version 1, IPv6', text('PROXY TCP6 2001:db8::1 2001:db8::2 0 65535\r\n'), '2001:db8::1 0'],
  ['version 1, of no family', text('PROXY UNKNOWN\r\n'), undefined],
  ['version 1, as long as it may be', text(longest), undefined],
];

const NONE: readonly [string, Uint8Array][] = [
  ['TLS', hex('16 03 01 02 00')],
  ['HTTP', text('GET / HTTP/1.1\r\n\r\n')],
  ['another signature', hex('0d0a0d0a000d0a515549540b 21 11 000c')],
  ['another version', hex(`${SIGNATURE} 31 11 000c cb007109 c6336407 c350 01bb`)],
  ['another command', hex(`${SIGNATURE} 22 11 000c cb007109 c6336407 c350 01bb`)],
  ['too short for its addresses', hex(`${SIGNATURE} 21 11 000b cb007109 c6336407 c350 01`)],
  ['longer than any', hex(`${SIGNATURE} 21 11 1001`)],
  ['a line without an end', text('PROXY TCP4 '.padEnd(107, '1'))],
  ['a line that is too long', text(longest.replace('\r\n', 'f\r\n'))],
  ['an address of the other family', text('PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n')],
  ['an address with a zone', text('PROXY TCP6 fe80::1%a-b fe80::2 1 2\r\n')],
  ['no address', text('PROXY TCP4 203.0.113.256 198.51.100.7 1 2\r\n')],
  ['a port that is none', text('PROXY TCP4 203.0.113.9 198.51.100.7 65536 443\r\n')],
  ['a port with a sign', text('PROXY TCP4 203.0.113.9 198.51.100.7 +1 443\r\n')],
  ['a port with zeros before it', text('PROXY TCP4 203.0.113.9 198.51.100.7 01 443\r\n')],
  ['one word more', text('PROXY TCP4 203.0.113.9 198.51.100.7 1 2 3\r\n')],
  ['another protocol', text('PROXY UDP4 203.0.113.9 198.51.100.7 1 2\r\n')],
  ['small letters', text('proxy TCP4 203.0.113.9 198.51.100.7 1 2\r\n')],
];

describe('a header of the PROXY protocol', () => {
  it.each(WHOLE)('%s: is read at its last byte, and not before', (_what, bytes, source) => {
    for (let length = 0; length < bytes.length; length++) {
      expect(readProxyHeader(bytes.subarray(0, length)), `${length} bytes`).toBe('more');
    }
    const read = readProxyHeader(Buffer.concat([bytes, hex('16 03 01')]));
    const isCheck = source === CHECK;
    const [host, port] = isCheck ? [] : (source?.split(' ') ?? []);
    const expected = host === undefined ? undefined : { host, port: Number(port) };
    expect(read).toEqual({ lengthBytes: bytes.length, source: expected, isCheck });
  });

  it.each(NONE)('%s: is none', (_what, bytes) => {
    expect(readProxyHeader(bytes)).toBe('none');
  });
});
