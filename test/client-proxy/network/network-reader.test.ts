import type { NetworkInterfaceInfo } from 'node:os';
import { describe, expect, it, vi } from 'vitest';
import type { AutoUplinks, ClientConfig } from '../../../client-proxy/config/client-config.ts';
import { networkNeeds } from '../../../client-proxy/discovery/network-needs.ts';
import { NetworkReader, type NetworkSource } from '../../../client-proxy/network/network-reader.ts';
import { routeTargets } from '../../../client-proxy/network/route-targets.ts';
import type { IpResult } from '../../../client-proxy/network/run-ip.ts';
import type { UplinkBinding } from '../../../client-proxy/uplink/uplink.ts';
import { answeredRoutes, IP_ADDRESS, OLD_VERSION } from './recorded.ts';

type Uplinks = Pick<ClientConfig, 'uplinks' | 'autoUplinks'>;

const CONCENTRATOR = [{ host: '203.0.113.9', port: 8443 }];

/** @param fails which questions have no route; or what `ip` says instead of any answer */
function source(
  fails: string | ((question: string) => boolean) = () => false,
  over: Partial<NetworkSource> = {},
): NetworkSource & { asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    runIp(args, input) {
      if (args.includes('address')) return Promise.resolve({ stdout: IP_ADDRESS, stderr: '' });
      const batch = input ?? '';
      asked.push(...batch.trimEnd().split('\n'));
      return Promise.resolve(
        typeof fails === 'string' ? { stdout: '', stderr: fails } : answeredRoutes(batch, fails),
      );
    },
    networkInterfaces: () =>
      ({
        lo: [{ address: '127.0.0.1', internal: true }],
        eth0: [{ address: 'fe80::1' }, { address: '2001:db8::1' }, { address: '10.0.0.2' }],
        'eth0:1': [{ address: '10.0.0.3' }],
      }) as unknown as Record<string, NetworkInterfaceInfo[]>,
    deviceOf: () => undefined,
    ...over,
  };
}

describe('what is read of the network', () => {
  it('has kind, state and the addresses that packets come back to', async () => {
    const { interfaces } = await new NetworkReader(() => CONCENTRATOR, undefined, source()).read();
    expect(interfaces.map(({ name, kind }) => `${name} ${kind}`)).toEqual([
      'lo loopback',
      'enp3s0 hardware',
      'wlp2s0 hardware',
      'docker0 bridge',
      'vethc0ffee veth',
      'wg0 wireguard',
      'tailscale0 tun',
      'enx02 hardware',
      'enx03 hardware',
      'wwan0 hardware',
      'ppp0 ppp',
      'enp3s0.7 vlan',
      'br0 bridge',
      'eno1 hardware',
      'enx04 hardware',
    ]);
    const state = (wanted: string) => interfaces.find(({ name }) => name === wanted);
    expect(state('enp3s0')).toEqual({
      name: 'enp3s0',
      index: 2,
      kind: 'hardware',
      isUp: true,
      hasCarrier: true,
      addresses: ['192.168.1.20', '2001:db8:1::20'],
      // The concentrator has IPv4 alone.
      routes: [4],
      routing: { sources: [], strays: [], ways: [expect.stringContaining('"dev":"enp3s0"')] },
    });
    expect(state('enx02')).toMatchObject({ macs: ['0c:5b:8f:27:9a:64'], usbPath: '1-1.2' });
    expect(state('wlp2s0')).toMatchObject({ isUp: true, hasCarrier: false, addresses: [] });
    expect(state('eno1')).toMatchObject({ isUp: false, hasCarrier: false });
    // Its only address may yet turn out to be somebody else's.
    expect(state('enx04')?.addresses).toEqual([]);
  });

  it('asks the kernel for a route over each interface that has an address, and takes its no', async () => {
    const kernel = source((question) => / oif (enp3s0|docker0|wg0) /.test(question));
    const { interfaces } = await new NetworkReader(() => CONCENTRATOR, undefined, kernel).read();
    expect(kernel.asked.slice(0, 3)).toEqual([
      'route get fibmatch 203.0.113.9 oif enp3s0 ipproto tcp dport 8443',
      'route get fibmatch 203.0.113.9 from 192.168.1.20 oif enp3s0 ipproto tcp dport 8443',
      'route get fibmatch 203.0.113.9 from 192.168.1.20 ipproto tcp dport 8443',
    ]);
    expect(kernel.asked).toContain('route get fibmatch 203.0.113.9 oif docker0 ipproto tcp dport 8443');
    const routes = Object.fromEntries(interfaces.map((one) => [one.name, one.routes]));
    expect(routes).toMatchObject({ enp3s0: [], docker0: [], wg0: [], enx02: [4], enx03: [4], ppp0: [4] });
  });

  /** What may lead out, behind a hundred containers and a hundred VLANs. */
  function crowded(kernel: NetworkSource): NetworkSource {
    const link = (index: number, ifname: string, more: object) => ({
      ifindex: index,
      ifname,
      flags: ['UP', 'LOWER_UP'],
      addr_info: [{ local: `10.1.${index}.2`, prefixlen: 24 }],
      ...more,
    });
    const made = (kind: string, from: number) =>
      Array.from({ length: 100 }, (_, at) =>
        link(from + at, `${kind}${at}`, { linkinfo: { info_kind: kind } }),
      );
    const links = [
      ...made('veth', 1),
      link(101, 'wwan7', { parentbus: 'usb', parentdev: '1-1.2:1.0' }),
      ...made('vlan', 102),
      link(202, 'tun0', { linkinfo: { info_kind: 'tun' } }),
      link(203, 'wg0', { linkinfo: { info_kind: 'wireguard' } }),
    ];
    return {
      ...kernel,
      runIp: (args, input) =>
        args.includes('address')
          ? Promise.resolve({ stdout: JSON.stringify(links), stderr: '' })
          : kernel.runIp(args, input),
    };
  }

  const AUTO = { all: true, include: [], exclude: [], settings: [] };
  const bound = (binding: UplinkBinding): Uplinks => ({
    uplinks: [{ name: 'vpn', binding, backup: false }],
    autoUplinks: AUTO,
  });
  it.each<[string, string, Uplinks | undefined]>([
    ['a modem', 'wwan7', undefined],
    ['a modem beside containers that are included', 'wwan7', included({ include: ['veth*'] })],
    ['an uplink of the list', 'wg0', bound({ kind: 'interface', interface: 'wg0' })],
    ['one of the list by its address', 'wg0', bound({ kind: 'address', address: '10.1.203.2' })],
    ['one that is included', 'tun0', included({ include: ['tun*'], exclude: ['vlan*'] })],
    ['one that is included alone', 'tun0', included({ all: false, include: ['tun*'] })],
  ])('asks about %s, however many others there are: %s', async (_, name, config) => {
    const kernel = source();
    const importanceOf = config && networkNeeds(config).importanceOf;
    const reader = new NetworkReader(() => CONCENTRATOR, undefined, crowded(kernel), importanceOf);
    const { interfaces } = await reader.read();
    expect(interfaces.find((one) => one.name === name)?.routes).toEqual([4]);
    expect(new Set(kernel.asked.map((question) => / oif (\S+)/.exec(question)?.[1])).size).toBeLessThan(70);
  });

  function included(over: Partial<AutoUplinks>): Uplinks {
    return { uplinks: [], autoUplinks: { ...AUTO, ...over } };
  }

  it('knows the source address that a rule wants, and addresses whose packets leave elsewhere', async () => {
    // A rule by source address alone leads over wg0; everything else leaves over enp3s0.
    const kernel = source((question) => / oif wg0 /.test(question) && !question.includes(' from '));
    const { interfaces } = await new NetworkReader(() => CONCENTRATOR, undefined, kernel).read();
    const routingOf = (name: string) => interfaces.find((one) => one.name === name)?.routing;
    expect(routingOf('wg0')).toMatchObject({ sources: ['10.9.0.2'], strays: ['10.9.0.2'] });
    expect(interfaces.find(({ name }) => name === 'wg0')?.routes).toEqual([4]);
    expect(routingOf('enp3s0')).toMatchObject({ sources: [], strays: [] });
    expect(routingOf('ppp0')).toMatchObject({ sources: [], strays: ['198.51.100.3'] });
  });

  it('asks without the port where an older version does not know it', async () => {
    const whole = source();
    const old: NetworkSource = {
      ...whole,
      runIp: (args, input) =>
        input?.includes('ipproto')
          ? Promise.resolve({ stdout: '', stderr: 'Error: either "to" is duplicate\nCommand failed -:1\n' })
          : whole.runIp(args, input),
    };
    const { interfaces } = await new NetworkReader(() => CONCENTRATOR, undefined, old).read();
    expect(interfaces.find(({ name }) => name === 'wwan0')?.routes).toEqual([4]);
  });

  it('seeks a default route where the concentrator is known by name, in each family', async () => {
    const kernel = source();
    const reader = new NetworkReader(
      () => routeTargets([{ host: 'vps.example.org', port: 8443 }], () => []),
      undefined,
      kernel,
    );
    const { interfaces } = await reader.read();
    expect(kernel.asked.filter((line) => / \S+ oif wwan0 /.test(line) && !line.includes('from'))).toEqual([
      'route get fibmatch 192.0.2.1 oif wwan0 ipproto tcp dport 8443',
      'route get fibmatch 2001:db8::1 oif wwan0 ipproto tcp dport 8443',
    ]);
    expect(interfaces.find(({ name }) => name === 'wwan0')?.routes).toEqual([4, 6]);
  });

  it('seeks a default route in IPv6 over an interface that has IPv6 alone: a translator may be there', async () => {
    const kernel = source();
    const address = [{ family: 'inet6', local: '2001:470::5', prefixlen: 64, scope: 'global' }];
    const link = {
      ifindex: 7,
      ifname: 'wwan7',
      flags: ['UP', 'LOWER_UP'],
      link_type: 'ether',
      addr_info: address,
    };
    const runIp: NetworkSource['runIp'] = (args, input) =>
      args.includes('address')
        ? Promise.resolve({ stdout: JSON.stringify([link]), stderr: '' })
        : kernel.runIp(args, input);
    const { interfaces } = await new NetworkReader(() => CONCENTRATOR, undefined, {
      ...kernel,
      runIp,
    }).read();
    expect(kernel.asked[0]).toBe('route get fibmatch 2001:db8::1 oif wwan7 ipproto tcp dport 8443');
    expect(interfaces).toMatchObject([{ name: 'wwan7', routes: [6] }]);
  });

  it('claims nothing about routes from a version that does not understand the question', async () => {
    const { interfaces } = await new NetworkReader(() => CONCENTRATOR, undefined, source(OLD_VERSION)).read();
    expect(interfaces.every(({ routes }) => routes === undefined)).toBe(true);
  });

  it.each([
    { what: 'there is no ip', runIp: () => Promise.resolve(undefined), why: 'none that this user can run' },
    {
      what: 'it speaks no JSON',
      runIp: () => Promise.resolve({ stdout: '', stderr: "ip: unrecognized option '-json'" }),
      why: "ip: unrecognized option '-json'",
    },
  ])('comes from Node.js when $what', async ({ runIp, why }) => {
    const told = vi.fn();
    const { interfaces } = await new NetworkReader(
      () => CONCENTRATOR,
      told,
      source(undefined, { runIp }),
    ).read();
    expect(interfaces).toEqual([
      expect.objectContaining({ name: 'lo', kind: 'loopback', addresses: [] }),
      expect.objectContaining({
        name: 'eth0',
        kind: 'unknown',
        addresses: ['10.0.0.2', '2001:db8::1'],
        routes: undefined,
      }),
    ]);
    expect(told.mock.calls).toEqual([[why]]);
  });

  it('is an error, and no empty network, when ip could not be run this time', async () => {
    let fails = true;
    const whole = source();
    const reader = new NetworkReader(() => CONCENTRATOR, undefined, {
      ...whole,
      runIp: (args, input) => (fails ? Promise.reject(new Error('EAGAIN')) : whole.runIp(args, input)),
    });
    await expect(reader.read()).rejects.toThrow('EAGAIN');
    fails = false;
    expect((await reader.read()).interfaces).toHaveLength(15);
  });

  it('is an error, and no network without routes, when an ip that has worked is of no use for a moment', async () => {
    const told = vi.fn();
    const whole = source();
    let answer: IpResult | undefined | 'whole' = 'whole';
    const runIp: NetworkSource['runIp'] = (args, input) =>
      answer === 'whole' ? whole.runIp(args, input) : Promise.resolve(answer);
    const reader = new NetworkReader(() => CONCENTRATOR, told, { ...whole, runIp });
    const before = await reader.read();
    answer = { stdout: '', stderr: 'Cannot allocate memory' };
    await expect(reader.read()).rejects.toThrow('ip: Cannot allocate memory');
    answer = undefined;
    await expect(reader.read()).rejects.toThrow('none that this user can run');
    answer = 'whole';
    expect(await reader.read()).toEqual(before);
    expect(told).not.toHaveBeenCalled();
    answer = undefined;
    for (let lapse = 1; lapse < 10; lapse++) await expect(reader.read()).rejects.toThrow();
    expect((await reader.read()).interfaces).toHaveLength(2);
    expect(told).toHaveBeenCalledOnce();
  });

  it('is an error that says what to do where the system tells nothing', async () => {
    const runIp = () =>
      Promise.resolve({ stdout: '', stderr: 'Cannot bind netlink socket: Permission denied' });
    const networkInterfaces = () => {
      throw Object.assign(new Error('uv_interface_addresses returned Unknown system error 13'), {
        code: 'ERR_SYSTEM_ERROR',
      });
    };
    const reader = new NetworkReader(
      () => CONCENTRATOR,
      undefined,
      source(undefined, { runIp, networkInterfaces }),
    );
    await expect(reader.read()).rejects.toThrow(/ERR_SYSTEM_ERROR.*: give uplinks as a list/);
  });

  it('has names of any bytes', async () => {
    const link =
      '{"ifindex":7,"ifname":"w\\\'\xe4\x01"","flags":["UP","LOWER_UP"],"addr_info":[{"local":"10.0.0.1"}]}';
    const utf8 = link.replace('7', '8').replace('\xe4\x01', '\xc3\xa4');
    const runIp: NetworkSource['runIp'] = (_, batch) =>
      Promise.resolve(
        batch === undefined
          ? { stdout: `[${link.replace('"",', '\\"",')},${utf8.replace('"",', '\\"",')}]\n`, stderr: '' }
          : answeredRoutes(batch, () => false),
      );
    const { interfaces } = await new NetworkReader(
      () => CONCENTRATOR,
      undefined,
      source(undefined, { runIp }),
    ).read();
    expect(interfaces.map(({ name }) => name)).toEqual(['w\'%E4%01"', 'w\'ä"']);
  });
});
