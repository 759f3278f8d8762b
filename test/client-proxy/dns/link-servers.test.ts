import { describe, expect, it } from 'vitest';
import { type LinkServerSource, LinkServers } from '../../../client-proxy/dns/link-servers.ts';

interface Machine {
  /** By command line. */
  readonly commands?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, string>>;
  readonly system?: readonly string[];
}

function bed({ commands = {}, files = {}, system = [] }: Machine) {
  const runs: string[] = [];
  let nowMs = 0;
  const source: LinkServerSource = {
    async run(command, args) {
      const line = [command, ...args].join(' ');
      runs.push(line);
      return commands[line];
    },
    read: async (file) => files[file],
    list: async (directory) =>
      Object.keys(files)
        .filter((file) => file.startsWith(`${directory}/`))
        .map((file) => file.slice(directory.length + 1)),
    systemServers: () => system,
  };
  const servers = new LinkServers(() => nowMs, source);
  const wait = (ms: number) => {
    nowMs += ms;
  };
  return { servers, runs, wait };
}

const IFINDEX = { '/sys/class/net/wan1/ifindex': '3\n' };
const UBUS = 'ubus call network.interface dump';
const NMCLI = 'nmcli --escape no --get-values IP4.DNS,IP6.DNS device show wan1';

describe('the name servers of a link', () => {
  it.each<[string, Machine, readonly string[]]>([
    [
      'from a lease of systemd-networkd',
      {
        files: {
          ...IFINDEX,
          '/run/systemd/netif/leases/3': 'ADDRESS=10.0.0.5\nDNS=10.0.0.1 10.0.0.2\nNTP=9.9.9.9\n',
        },
      },
      ['10.0.0.1', '10.0.0.2'],
    ],
    [
      'from what systemd-networkd knows of the link',
      { files: { ...IFINDEX, '/run/systemd/netif/links/3': 'DNS=2001:470::1\nDOMAINS=lan\n' } },
      ['2001:470::1'],
    ],
    [
      'from systemd-resolved',
      {
        commands: {
          'resolvectl dns wan1': 'Link 3 (wan1): 10.0.0.1 2001:470::1#dns.example 10.0.0.1 fe80::1%wan1\n',
        },
      },
      ['10.0.0.1', '2001:470::1', 'fe80::1%wan1'],
    ],
    [
      'from systemd-resolved, with a port',
      { commands: { 'resolvectl dns wan1': 'Link 3 (wan1): 10.0.0.1:5353 [2001:470::1]:5353\n' } },
      ['10.0.0.1:5353', '[2001:470::1]:5353'],
    ],
    [
      'from NetworkManager',
      { commands: { [NMCLI]: '10.0.0.1 | 10.0.0.2\n2001:470::1\n' } },
      ['10.0.0.1', '10.0.0.2', '2001:470::1'],
    ],
    [
      'from resolvconf',
      {
        files: {
          '/run/resolvconf/interface/wan1.dhclient': 'domain lan\nnameserver 10.0.0.1\n',
          '/run/resolvconf/interface/wan10.dhclient': 'nameserver 10.9.9.9\n',
        },
      },
      ['10.0.0.1'],
    ],
    [
      'from openresolv since 3.16',
      {
        files: {
          '/run/resolvconf/keys/wan1:dhcp': 'nameserver 10.0.0.1\n',
          '/run/resolvconf/keys/wan1.ra': 'nameserver 2001:470::1\n',
          '/run/resolvconf/keys/wan10:dhcp': 'nameserver 10.9.9.9\n',
        },
      },
      ['10.0.0.1', '2001:470::1'],
    ],
    [
      'from resolvconf, without those of a VLAN on it',
      {
        files: {
          '/sys/class/net/wan1': '',
          '/sys/class/net/wan1.5': '',
          '/run/resolvconf/interface/wan1.5.dhclient': 'nameserver 10.9.9.9\n',
          '/run/resolvconf/interface/wan1.5': 'nameserver 10.9.9.8\n',
          '/run/resolvconf/interface/wan1.dhclient': 'nameserver 10.0.0.1\n',
        },
      },
      ['10.0.0.1'],
    ],
    [
      'from netifd (OpenWrt)',
      {
        commands: {
          [UBUS]: JSON.stringify({
            interface: [
              { interface: 'loopback', l3_device: 'lo', 'dns-server': [] },
              { interface: 'wan', device: 'wan1', l3_device: 'wan1', 'dns-server': ['10.0.0.1'] },
              { interface: 'wan6', device: 'wan1', l3_device: 'wan1', 'dns-server': ['2001:470::1'] },
              { interface: 'wwan', l3_device: 'wan10', 'dns-server': ['10.9.9.9'] },
              { interface: 'down', up: false },
            ],
          }),
        },
      },
      ['10.0.0.1', '2001:470::1'],
    ],
    ['not from what netifd does not say', { commands: { [UBUS]: 'Command failed: Not found\n' } }, []],
    [
      'from the first that knows any',
      { commands: { 'resolvectl dns wan1': 'Link 3 (wan1):\n', [NMCLI]: '10.0.0.2\n' }, files: IFINDEX },
      ['10.0.0.2'],
    ],
    ['not on loopback', { commands: { 'resolvectl dns wan1': 'Link 3 (wan1): 127.0.0.1 ::1\n' } }, []],
    [
      'not what is no address',
      { commands: { 'resolvectl dns wan1': 'Link 3 (wan1): dns.example --help $(id)\n' } },
      [],
    ],
    ['where nobody knows any', {}, []],
  ])('%s', async (_, machine, expected) => {
    expect(await bed(machine).servers.of('wan1')).toEqual(expected);
  });

  it('are read every five seconds at most', async () => {
    const { servers, runs, wait } = bed({ commands: { 'resolvectl dns wan1': 'Link 3 (wan1): 10.0.0.1\n' } });
    for (let i = 0; i < 10; i++) {
      await servers.of('wan1');
      wait(1_000);
    }
    expect(runs).toHaveLength(2);
  });
});

describe("the system's name servers", () => {
  it.each<[string, Machine, readonly string[]]>([
    ['as they are', { system: ['192.168.1.1', '[2001:470::1]:5353'] }, ['192.168.1.1', '[2001:470::1]:5353']],
    [
      'without those on loopback',
      { system: ['127.0.0.53', '[::1]:53', '::1', '192.168.1.1'] },
      ['192.168.1.1'],
    ],
    [
      'behind the stub of systemd-resolved',
      {
        system: ['127.0.0.53'],
        files: {
          '/run/systemd/resolve/resolv.conf': '# comment\nnameserver 10.0.0.1\n nameserver 10.0.0.2\n',
        },
      },
      ['10.0.0.1', '10.0.0.2'],
    ],
    [
      'behind the stub of NetworkManager',
      { system: ['127.0.0.1'], files: { '/run/NetworkManager/no-stub-ready.conf': 'nameserver 10.0.0.3\n' } },
      ['10.0.0.3'],
    ],
    [
      "behind OpenWrt's dnsmasq",
      {
        system: ['127.0.0.1', '::1'],
        files: {
          '/tmp/resolv.conf.d/resolv.conf.auto':
            '# Interface wan\nnameserver 10.0.0.1\nsearch lan\n# Interface wan6\nnameserver 2001:470::1\n',
        },
      },
      ['10.0.0.1', '2001:470::1'],
    ],
    ['none', { system: ['127.0.0.53'] }, []],
  ])('%s', async (_, machine, expected) => {
    expect(await bed(machine).servers.ofSystem()).toEqual(expected);
  });
});
