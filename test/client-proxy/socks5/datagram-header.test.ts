import { describe, expect, it } from 'vitest';
import { DatagramHeaders } from '../../../client-proxy/socks5/datagram-header.ts';
import { fromHex, hex } from './socks-bed.ts';

const NAME = `0000 00 03 0b ${hex(Buffer.from('example.org'))} 0035`;

describe('the header of a datagram', () => {
  it.each([
    ['IPv4', '0000 00 01 c0000235 0035', { host: '192.0.2.53', port: 53 }],
    ['IPv6', '0000 00 04 20010db8000000000000000000000001 01bb', { host: '2001:db8::1', port: 443 }],
    [
      'IPv4 inside IPv6',
      '0000 00 04 00000000000000000000ffffc0000235 0035',
      { host: '192.0.2.53', port: 53 },
    ],
    ['a name', NAME, { host: 'example.org', port: 53 }],
    ['an address as a name', '0000 00 03 09 3132372e302e302e31 ffff', { host: '127.0.0.1', port: 65_535 }],
    ['rubbish in what is reserved', 'beef 00 01 c0000235 0035', { host: '192.0.2.53', port: 53 }],
  ])('%s', (_, header, destination) => {
    const headers = new DatagramHeaders();
    const bytes = fromHex(header);
    const expected = { destination, payloadAt: bytes.length };
    const first = headers.read(Buffer.concat([bytes, Buffer.from('payload')]));
    expect(first).toEqual(expected);
    // Without a payload it is one, too, and it is known.
    expect(headers.read(bytes)).toBe(first);
    for (let length = 0; length < bytes.length; length++) {
      expect(headers.read(bytes.subarray(0, length)), `${length} bytes`).toBe('malformed');
    }
  });

  it.each([
    ['a fragment', '0000 01 01 c0000235 0035', 'fragment'],
    ['the last fragment', '0000 81 01 c0000235 0035', 'fragment'],
    ['an unknown type of address', '0000 00 02 c0000235 0035', 'malformed'],
    ['port 0', '0000 00 01 c0000235 0000', 'malformed'],
    ['a name without a letter', '0000 00 03 00 0035', 'malformed'],
    ['a name that cannot be one', `0000 00 03 03 ${hex(Buffer.from('a b'))} 0035`, 'malformed'],
    ['nothing', '', 'malformed'],
  ])('%s is not relayed', (_, header, expected) => {
    expect(new DatagramHeaders().read(fromHex(header))).toBe(expected);
  });

  it('stays right when more destinations are known than fit', () => {
    const headers = new DatagramHeaders();
    for (let i = 0; i < 5_000; i++) {
      const bytes = Buffer.of(0, 0, 0, 1, 192, 0, 2, 1, (i + 1) >> 8, (i + 1) & 0xff);
      expect(headers.read(bytes)).toEqual({ destination: { host: '192.0.2.1', port: i + 1 }, payloadAt: 10 });
    }
  });

  it('is written as it is read', () => {
    const headers = new DatagramHeaders();
    for (const header of [
      '0000 00 01 c0000235 0035',
      '0000 00 04 20010db8000000000000000000000001 01bb',
      NAME,
    ]) {
      const read = headers.read(fromHex(header));
      if (typeof read === 'string') throw new Error(read);
      expect(hex(headers.written(read.destination))).toBe(hex(fromHex(header)));
      expect(headers.written(read.destination)).toBe(headers.written(read.destination));
    }
  });
});
