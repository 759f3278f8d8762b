import { describe, expect, it } from 'vitest';
import type { AutoUplinks, ConfiguredUplink } from '../../../client-proxy/config/client-config.ts';
import { type DiscoveryOptions, discoverUplinks } from '../../../client-proxy/discovery/discover-uplinks.ts';
import { COUNT_ONLY } from '../../../client-proxy/metering/metered-settings.ts';
import { NetworkReader } from '../../../client-proxy/network/network-reader.ts';
import type { NetworkView } from '../../../client-proxy/network/network-view.ts';
import { answeredRoutes, IP_ADDRESS } from '../network/recorded.ts';
import { device, view } from '../network/views.ts';

const AUTO: AutoUplinks = { all: true, include: [], exclude: [], settings: [] };

function discover(seen: NetworkView, auto: Partial<AutoUplinks> = {}, over: Partial<DiscoveryOptions> = {}) {
  const options = {
    list: [],
    inUse: new Map<string, string>(),
    bindsByInterface: true,
    maxUplinks: 16,
    ...over,
  };
  const { uplinks, leftOut } = discoverUplinks(seen, { ...options, auto: { ...AUTO, ...auto } });
  return {
    uplinks,
    names: uplinks.map(({ name }) => name),
    leftOut: Object.fromEntries(leftOut.map((one) => [one.interface, one.reason])),
  };
}

/** Interfaces in use, by their own names. */
const named = (...names: readonly string[]) => new Map(names.map((name) => [name, name]));

describe('the discovery of uplinks', () => {
  it('takes what leads to the concentrator, and tells why it leaves out the rest', async () => {
    const reader = new NetworkReader(() => [{ host: '203.0.113.9', port: 1 }], undefined, {
      runIp: async (_, batch) => {
        if (batch === undefined) return { stdout: IP_ADDRESS, stderr: '' };
        // Only the bridge of the containers has no way out.
        return answeredRoutes(batch, (line) => / oif br0 /.test(line));
      },
      networkInterfaces: () => ({}),
      deviceOf: () => undefined,
    });
    const { names, leftOut } = discover(await reader.read());
    expect(names).toEqual(['enp3s0', 'enx02', 'enx03', 'wwan0', 'ppp0', 'enp3s0.7']);
    expect(leftOut).toEqual({
      lo: 'the loopback interface',
      wlp2s0: 'its interface has no carrier',
      docker0: 'virtual, by its name',
      vethc0ffee: 'virtual (veth)',
      wg0: 'virtual (wireguard)',
      tailscale0: 'virtual (tun)',
      br0: 'no route towards the concentrator; `ip route add default via GATEWAY dev br0 metric 1014`',
      eno1: 'its interface is down; `ip link set dev eno1 up`',
      enx04: 'its interface has no address that packets can come back to',
    });
  });

  it('goes by names where the kernel does not say what an interface is', () => {
    const named = (...names: string[]) => view(...names.map((name) => device(name, { kind: 'unknown' })));
    const virtual = [
      'docker0',
      'br-0a1b2c',
      'veth12ab',
      'virbr0',
      'tun0',
      'tap0',
      'utun3',
      'wg0',
      'ztabc',
      'dummy0',
    ];
    expect(discover(named('eth0', 'en7', 'br0', 'wwan0', ...virtual)).names).toEqual([
      'eth0',
      'en7',
      'br0',
      'wwan0',
    ]);
  });

  it('includes and excludes by pattern; to exclude wins', () => {
    const seen = view(
      device('eth0'),
      device('usb0'),
      device('veth0', { kind: 'veth' }),
      device('veth1', { kind: 'veth' }),
    );
    expect(discover(seen, { include: ['veth*'], exclude: ['*1', 'usb0'] })).toMatchObject({
      names: ['eth0', 'veth0'],
      leftOut: { veth1: 'excluded by "*1"', usb0: 'excluded by "usb0"' },
    });
    const onlyIncluded = discover(seen, { all: false, include: ['veth0'] });
    expect(onlyIncluded.names).toEqual(['veth0']);
    expect(onlyIncluded.leftOut).toMatchObject({ eth0: 'not included' });
  });

  it('gives each the settings of the first pattern that matches', () => {
    const settings = [
      { match: 'wwan1', subflowsPerPath: 2 },
      { match: 'wwan*', backup: true, congestionControl: 'cubic' },
    ];
    const { uplinks } = discover(view(device('eth0'), device('wwan0'), device('wwan1')), { settings });
    const binding = (name: string) => ({ kind: 'interface', interface: name });
    expect(uplinks).toMatchObject([
      { name: 'eth0', binding: binding('eth0'), backup: false },
      { name: 'wwan0', binding: binding('wwan0'), backup: true, congestionControl: 'cubic' },
      { name: 'wwan1', binding: binding('wwan1'), backup: false, subflowsPerPath: 2 },
    ]);
    expect(uplinks[2]).not.toHaveProperty('match');
  });

  it.each([
    { entry: { match: 'enx*' }, plans: ['enx*', 'enx*', undefined] },
    { entry: { mac: '0c:5b:8f:27:9a:64' }, plans: [undefined, 'mac 0c:5b:8f:27:9a:64', undefined] },
    { entry: { usbPath: '1-1.2' }, plans: ['usb 1-1.2', undefined, undefined] },
    { entry: { iccid: '8949000000000000001' }, plans: [undefined, undefined, 'iccid 8949000000000000001'] },
    { entry: { match: 'enx*', usbPath: '1-1.2' }, plans: ['enx* usb 1-1.2', undefined, undefined] },
    { entry: { match: 'enx*', plan: 'sim' }, plans: ['sim', 'sim', undefined] },
  ])('counts all that $entry matches for one plan', ({ entry, plans }) => {
    const seen = view(
      device('enx1', { usbPath: '1-1.2', macs: ['02:00:00:00:00:01'] }),
      device('enx2', { usbPath: '1-1.3', macs: ['02:00:00:00:00:02', '0c:5b:8f:27:9a:64'] }),
      device('wwan0', { iccid: '8949000000000000001' }),
    );
    const { uplinks } = discover(seen, { settings: [{ ...entry, metered: COUNT_ONLY }] });
    expect(uplinks.map(({ plan }) => plan)).toEqual(plans);
  });

  it('does not take twice what the list uses, nor its names', () => {
    const list: ConfiguredUplink[] = [
      { name: 'dsl', binding: { kind: 'interface', interface: 'eth0' }, backup: false },
      { name: 'lan', binding: { kind: 'address', address: '2001:DB8:0::7' }, backup: false },
      { name: 'eth2', binding: { kind: 'proxy', host: 'relay', port: 1 }, backup: false },
    ];
    const seen = view(device('eth0'), device('eth1', { addresses: ['2001:db8::7'] }), device('eth2'));
    expect(discover(seen, {}, { list })).toMatchObject({
      names: ['eth2-2'],
      leftOut: { eth0: 'uplink dsl of the list uses it', eth1: 'uplink lan of the list uses it' },
    });
  });

  it('keeps those in use in their places, whatever trouble they are in, and no more than there may be', () => {
    const seen = view(
      device('eth0'),
      device('eth1'),
      device('eth2', { hasCarrier: false, routes: undefined }),
    );
    expect(discover(seen, {}, { maxUplinks: 2, inUse: named('eth1', 'eth2') })).toMatchObject({
      names: ['eth1', 'eth2'],
      leftOut: { eth0: 'there are 2 uplinks without it' },
    });
  });

  it('binds to an address with a route where it cannot bind to the interface', () => {
    const both = { addresses: ['10.0.0.2', '2001:db8::2'] };
    const seen = view(
      device('Wi-Fi 2', { ...both, routes: [6] }),
      device('Wi-Fi-2', { ...both, routes: undefined }),
    );
    expect(discover(seen, {}, { bindsByInterface: false }).uplinks).toMatchObject([
      { name: 'Wi-Fi-2', binding: { kind: 'address', address: '2001:db8::2' } },
      { name: 'Wi-Fi-2-2', binding: { kind: 'address', address: '10.0.0.2' } },
    ]);
    const without = view(device('eth0', { addresses: [] }));
    expect(discover(without, {}, { bindsByInterface: false, inUse: named('eth0') }).names).toEqual([]);
  });
});
