import { expect, it } from 'vitest';
import { proxyHeader } from '../../../client-proxy/publish/proxy-header.ts';
import { hex, toHex } from '../../protocol/support.ts';

const SIGNATURE = '0d0a0d0a000d0a515549540a';
const visit = { slot: 0, generation: 1 };

/** Written by hand from section 2.2 of HAProxy's proxy-protocol.txt. */
const HEADERS = [
  {
    what: 'IPv4, 28 bytes',
    visitor: 'cb007109',
    local: 'c6336407',
    visitorPort: 50_000,
    localPort: 443,
    header: `${SIGNATURE} 21 11 000c cb007109 c6336407 c350 01bb`,
    bytes: 28,
  },
  {
    what: 'IPv6, 52 bytes',
    visitor: '20010db8000000000000000000000001',
    local: '20010db8000000000000000000000002',
    visitorPort: 1,
    localPort: 65_535,
    header: `${SIGNATURE} 21 21 0024 20010db8000000000000000000000001 20010db8000000000000000000000002 0001 ffff`,
    bytes: 52,
  },
  {
    what: 'the lowest of all',
    visitor: '00000000',
    local: '00000000',
    visitorPort: 0,
    localPort: 0,
    header: `${SIGNATURE} 21 11 000c 00000000 00000000 0000 0000`,
    bytes: 28,
  },
  {
    what: 'the highest of all',
    visitor: 'ffffffff',
    local: 'ffffffff',
    visitorPort: 65_535,
    localPort: 65_535,
    header: `${SIGNATURE} 21 11 000c ffffffff ffffffff ffff ffff`,
    bytes: 28,
  },
];

it.each(HEADERS)('the header for $what', ({ visitor, local, header, bytes, ...ports }) => {
  const written = proxyHeader({ ...visit, ...ports, visitor: hex(visitor), local: hex(local) });
  expect(toHex(written)).toBe(header.replaceAll(' ', ''));
  expect(written).toHaveLength(bytes);
});
