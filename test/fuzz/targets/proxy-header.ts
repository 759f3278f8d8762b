import { isIP } from 'node:net';
import { proxyHeader } from '../../../client-proxy/publish/proxy-header.ts';
import { readProxyHeader } from '../../../shared/runtime/subflow/proxy-header.ts';
import { type FuzzTarget, promise } from '../fuzz-target.ts';

const VISIT = {
  slot: 0,
  generation: 1,
  visitor: Uint8Array.of(203, 0, 113, 9),
  local: Uint8Array.of(198, 51, 100, 7),
  visitorPort: 50_000,
  localPort: 443,
};

/** What a load balancer says in front of a connection: what was read stays so, however much more comes. */
export const proxyHeaderTarget: FuzzTarget = {
  name: 'proxy-header',
  maxBytes: 300,
  seeds: () => [
    proxyHeader(VISIT),
    Buffer.from('PROXY TCP4 203.0.113.9 198.51.100.7 50000 443\r\n'),
    Buffer.from('PROXY TCP6 2001:db8::1 2001:db8::2 50000 443\r\n'),
    Buffer.from('PROXY TCP6 ::ffff:203.0.113.9 64:ff9b::192.0.2.1 50000 443\r\n'),
    Buffer.from('PROXY UNKNOWN\r\n'),
    Buffer.from('\r\n\r\n\0\r\nQUIT\n\x20\0\0\0', 'latin1'),
  ],
  run(input) {
    let before: unknown = 'more';
    for (let length = 0; length <= input.length; length++) {
      const read = readProxyHeader(input.subarray(0, length));
      const isSame = JSON.stringify(read) === JSON.stringify(before);
      promise(before === 'more' || isSame, `${JSON.stringify(before)}, then ${JSON.stringify(read)}`);
      if (typeof read === 'object') {
        promise(read.lengthBytes <= length, 'a header of bytes that are not there');
        promise(!read.isCheck || read.source === undefined, 'a check on behalf of somebody');
        promise(read.source === undefined || isIP(read.source.host) !== 0, 'a source that is no address');
      }
      before = read;
    }
  },
};
