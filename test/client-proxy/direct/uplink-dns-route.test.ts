import type { NetworkInterfaceInfo } from 'node:os';
import { describe, expect, it } from 'vitest';
import type { ConfiguredUplink } from '../../../client-proxy/config/client-config.ts';
import { dnsRouteOf } from '../../../client-proxy/direct/uplink-dns-route.ts';

const INTERFACES = {
  eth0: ['fe80::2', '192.168.1.5', '2001:470::5'],
  wwan0: ['10.64.0.9'],
  tun0: ['fe80::3'],
};

function route(uplink: Partial<ConfiguredUplink>, systemServers: readonly string[]) {
  const binding = { kind: 'interface', interface: 'eth0' } as const;
  return dnsRouteOf(
    { name: 'dsl', backup: false, binding, ...uplink },
    {
      systemServers: () => systemServers,
      interfaces: () =>
        Object.fromEntries(
          Object.entries(INTERFACES).map(([name, addresses]) => [
            name,
            addresses.map((address) => ({ address }) as NetworkInterfaceInfo),
          ]),
        ),
    },
  );
}

const over = (name: string) => ({ binding: { kind: 'interface', interface: name } as const });
const from = (address: string) => ({ binding: { kind: 'address', address } as const });

describe('the way of a question', () => {
  it.each<[string, Partial<ConfiguredUplink>, readonly string[], unknown]>([
    [
      "the system's servers, from the interface's addresses",
      {},
      ['192.168.1.1', '2620:fe::fe'],
      {
        servers: ['192.168.1.1', '2620:fe::fe'],
        localAddresses: { v4: '192.168.1.5', v6: '2001:470::5' },
      },
    ],
    [
      'without those on loopback',
      {},
      ['127.0.0.53', '[::1]:53', '192.168.1.1:5353'],
      { servers: ['192.168.1.1:5353'], localAddresses: { v4: '192.168.1.5', v6: '2001:470::5' } },
    ],
    [
      'without those of a family that it has not',
      over('wwan0'),
      ['2620:fe::fe', '9.9.9.9'],
      { servers: ['9.9.9.9'], localAddresses: { v4: '10.64.0.9' } },
    ],
    [
      "the uplink's own servers, be they on loopback",
      { nameServers: ['127.0.0.1:5353'] },
      ['192.168.1.1'],
      { servers: ['127.0.0.1:5353'], localAddresses: { v4: '192.168.1.5', v6: '2001:470::5' } },
    ],
    [
      "from the uplink's address",
      { ...from('2001:470::5'), nameServers: ['[2620:fe::fe]:53', '9.9.9.9'] },
      [],
      { servers: ['[2620:fe::fe]:53'], localAddresses: { v6: '2001:470::5' } },
    ],
  ])('%s', (_, uplink, servers, expected) => {
    expect(route(uplink, servers)).toEqual(expected);
  });

  it.each<[string, Partial<ConfiguredUplink>, readonly string[], string]>([
    ['servers on loopback alone', {}, ['127.0.0.53'], 'set nameServers'],
    ['no server at all', {}, [], 'set nameServers'],
    ['an interface that is not there', over('wlan0'), ['9.9.9.9'], 'no address now'],
    ['a link-local address alone', over('tun0'), ['2620:fe::fe'], 'no address now'],
    [
      'servers of the other family',
      { ...over('wwan0'), nameServers: ['2620:fe::fe'] },
      [],
      'no address of the family',
    ],
  ])('there is none with %s', (_, uplink, servers, why) => {
    expect(() => route(uplink, servers)).toThrow(
      expect.objectContaining({
        code: 'networkFailure',
        fault: 'ours',
        message: expect.stringContaining(why),
      }),
    );
  });
});
