import { expect, it } from 'vitest';
import { loopOf } from '../../../client-proxy/transparent/loops.ts';
import type { Destination } from '../../../shared/protocol/destination.ts';

const SOURCE = {
  points: [
    { host: '0.0.0.0', port: 12345 },
    { host: '::', port: 12346 },
  ],
  ownAddresses: () => ['127.0.0.1', '192.168.9.1', 'fd00::1'],
  isConcentrator: ({ host, port }: { host: string; port: number }) => host === '203.0.113.5' && port === 8443,
  isOwnConnection: (source: Destination, destination: Destination) =>
    source.host === '192.168.9.1' && source.port === 40_000 && destination.host === '198.51.100.9',
};

it.each([
  ['its own address and port', '192.168.9.1', 12345, '192.168.9.7', 'listener'],
  ['the same of IPv6, in another spelling', 'fd00:0::1', 12346, 'fd00::7', 'listener'],
  ['any loopback address', '127.0.0.9', 12345, '127.0.0.1', 'listener'],
  ['another port of its own', '192.168.9.1', 22, '192.168.9.7', undefined],
  ['its port at another machine', '198.51.100.7', 12345, '192.168.9.7', undefined],
  ['the concentrator, from this machine', '203.0.113.5', 8443, '192.168.9.1', 'concentrator'],
  ['the concentrator, from a client in the local network', '203.0.113.5', 8443, '192.168.9.7', undefined],
  ["another port of the concentrator's machine", '203.0.113.5', 22, '192.168.9.1', undefined],
  ['where the client itself connects to', '198.51.100.9', 443, '192.168.9.1', 'own'],
])('%s', (_, host, port, from, expected) => {
  expect(loopOf({ host, port }, { host: from, port: 40_000 }, SOURCE)).toBe(expected);
});
