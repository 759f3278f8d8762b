import { describe, expect, it } from 'vitest';
import type { ConfiguredUplink } from '../../../client-proxy/config/client-config.ts';
import { OverInterface } from '../../../client-proxy/dns/over-interface.ts';
import { dnsRouteOf } from '../../../client-proxy/dns/uplink-dns-route.ts';
import type { NetworkInterfaces } from '../../../client-proxy/network/network-view.ts';
import type { AttachmentFinder } from '../../../client-proxy/uplink/uplink-device.ts';
import { PlainWay } from '../../../shared/runtime/dns/dns-way.ts';
import type { NativeSockets } from '../../../shared/runtime/kernel/native.ts';

const native = {} as NativeSockets;
const OVER_ETH0 = new OverInterface('eth0', native);

/** The link wlan0, which has 10.64.0.10, has been given a name server. */
function route(
  uplink: Partial<ConfiguredUplink>,
  systemServers: readonly string[],
  calls = [native],
  attachment: AttachmentFinder = () => ({}),
) {
  const binding = { kind: 'interface', interface: 'eth0' } as const;
  const linkServers = {
    of: async (device: string) => (device === 'wlan0' ? ['10.64.0.1'] : []),
    ofSystem: async () => systemServers,
  };
  const networkInterfaces = () =>
    ({
      wlan0: [{ address: '10.64.0.10' }],
      eth0: [{ address: '192.168.1.5' }, { address: '2001:470::5' }],
    }) as unknown as NetworkInterfaces;
  const surroundings = { linkServers, networkInterfaces, native: calls[0], attachment };
  return dnsRouteOf({ name: 'dsl', backup: false, binding, ...uplink }, surroundings);
}

const from = (address: string) => ({ binding: { kind: 'address', address } as const });

describe('the way of a question', () => {
  it('is bound to the interface, too, of an address whose packets would leave elsewhere', async () => {
    const astray = () => ({ address: '10.64.0.9', interface: 'wlan0' });
    const { way } = await route(from('10.64.0.9'), ['9.9.9.9'], [native], astray);
    expect(way.name).toBe('interface wlan0');
  });

  it('is bound to the interface, too, where a name server has an address of the link alone', async () => {
    const { servers, way } = await route(from('2001:470::5'), ['2620:fe::fe', 'fe80::1%3']);
    expect(servers).toEqual(['2620:fe::fe', 'fe80::1%3']);
    expect(way.name).toBe('interface eth0');
  });

  it.each<[string, Partial<ConfiguredUplink>, readonly string[], unknown]>([
    [
      "the system's servers, over the interface",
      {},
      ['192.168.1.1', '2620:fe::fe'],
      { servers: ['192.168.1.1', '2620:fe::fe'], way: OVER_ETH0 },
    ],
    [
      "the uplink's own servers in their place",
      { nameServers: ['9.9.9.9:53'] },
      ['192.168.1.1'],
      { servers: ['9.9.9.9:53'], way: OVER_ETH0 },
    ],
    [
      "from the uplink's address, those of its family",
      from('10.64.0.9'),
      ['2620:fe::fe', '9.9.9.9'],
      { servers: ['9.9.9.9'], way: new PlainWay('10.64.0.9') },
    ],
    [
      'the same for IPv6',
      { ...from('2001:470::5'), nameServers: ['[2620:fe::fe]:53', '9.9.9.9'] },
      [],
      { servers: ['[2620:fe::fe]:53'], way: new PlainWay('2001:470::5') },
    ],
    [
      "the link's own servers, for a link by its name",
      { binding: { kind: 'interface', interface: 'wlan0' } },
      ['192.168.1.1'],
      { servers: ['10.64.0.1'], way: new OverInterface('wlan0', native) },
    ],
    [
      "the link's own servers, for a link by its address",
      from('10.64.0.10'),
      ['192.168.1.1'],
      { servers: ['10.64.0.1'], way: new PlainWay('10.64.0.10') },
    ],
  ])('%s', async (_, uplink, servers, expected) => {
    expect(await route(uplink, servers)).toEqual(expected);
  });

  it.each<[string, Partial<ConfiguredUplink>, readonly string[], string]>([
    ['no server at all', {}, [], 'set nameServers'],
    ['servers of the other family', from('10.64.0.9'), ['2620:fe::fe'], 'set nameServers'],
  ])('there is none with %s', async (_, uplink, servers, why) => {
    await expect(route(uplink, servers)).rejects.toEqual(
      expect.objectContaining({
        code: 'networkFailure',
        fault: 'ours',
        message: expect.stringContaining(why),
      }),
    );
  });

  it('there is none over an interface without the native calls', async () => {
    await expect(route({}, ['9.9.9.9'], [])).rejects.toThrow('needs Linux and koffi');
  });
});
