import { describe, expect, it } from 'vitest';
import type { ConfiguredUplink } from '../../../client-proxy/config/client-config.ts';
import { OverInterface } from '../../../client-proxy/dns/interface-dns.ts';
import { dnsRouteOf } from '../../../client-proxy/dns/uplink-dns-route.ts';
import type { NativeSockets } from '../../../shared/runtime/kernel/native.ts';

const native = {} as NativeSockets;
const OVER_ETH0 = new OverInterface('eth0', native);

function route(uplink: Partial<ConfiguredUplink>, systemServers: readonly string[], calls = [native]) {
  const binding = { kind: 'interface', interface: 'eth0' } as const;
  const surroundings = { systemServers: () => systemServers, native: calls[0] };
  return dnsRouteOf({ name: 'dsl', backup: false, binding, ...uplink }, surroundings);
}

const from = (address: string) => ({ binding: { kind: 'address', address } as const });

describe('the way of a question', () => {
  it.each<[string, Partial<ConfiguredUplink>, readonly string[], unknown]>([
    [
      "the system's servers, over the interface",
      {},
      ['192.168.1.1', '2620:fe::fe'],
      { servers: ['192.168.1.1', '2620:fe::fe'], over: OVER_ETH0 },
    ],
    [
      'without those on loopback',
      {},
      ['127.0.0.53', '[::1]:53', '::1', '192.168.1.1:5353'],
      { servers: ['192.168.1.1:5353'], over: OVER_ETH0 },
    ],
    [
      "the uplink's own servers in their place",
      { nameServers: ['9.9.9.9:53'] },
      ['192.168.1.1'],
      { servers: ['9.9.9.9:53'], over: OVER_ETH0 },
    ],
    [
      "from the uplink's address, those of its family",
      from('10.64.0.9'),
      ['2620:fe::fe', '9.9.9.9'],
      { servers: ['9.9.9.9'], localAddress: '10.64.0.9' },
    ],
    [
      'the same for IPv6',
      { ...from('2001:470::5'), nameServers: ['[2620:fe::fe]:53', '9.9.9.9'] },
      [],
      { servers: ['[2620:fe::fe]:53'], localAddress: '2001:470::5' },
    ],
  ])('%s', (_, uplink, servers, expected) => {
    expect(route(uplink, servers)).toEqual(expected);
  });

  it.each<[string, Partial<ConfiguredUplink>, readonly string[], string]>([
    ['servers on loopback alone', {}, ['127.0.0.53'], 'set nameServers'],
    ['no server at all', {}, [], 'set nameServers'],
    ['servers of the other family', from('10.64.0.9'), ['2620:fe::fe'], 'set nameServers'],
  ])('there is none with %s', (_, uplink, servers, why) => {
    expect(() => route(uplink, servers)).toThrow(
      expect.objectContaining({
        code: 'networkFailure',
        fault: 'ours',
        message: expect.stringContaining(why),
      }),
    );
  });

  it('there is none over an interface without the native calls', () => {
    expect(() => route({}, ['9.9.9.9'], [])).toThrow('needs Linux and koffi');
  });
});
