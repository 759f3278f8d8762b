import type { IpResult } from '../../../client-proxy/network/run-ip.ts';

/** What `ip -json -details address` printed on a laptop with much on it; what nobody reads is left out. */
export const IP_ADDRESS = JSON.stringify([
  link(1, 'lo', { link_type: 'loopback', flags: ['LOOPBACK', 'UP', 'LOWER_UP'] }, ['127.0.0.1', '::1']),
  link(2, 'enp3s0', { parentbus: 'pci' }, ['192.168.1.20', '2001:db8:1::20', 'fe80::1']),
  link(3, 'wlp2s0', { parentbus: 'pci', flags: ['NO-CARRIER', 'BROADCAST', 'MULTICAST', 'UP'] }, []),
  {},
  link(5, 'docker0', { linkinfo: { info_kind: 'bridge' } }, ['172.17.0.1']),
  link(6, 'vethc0ffee', { linkinfo: { info_kind: 'veth' } }, ['fe80::2']),
  link(7, 'wg0', { link_type: 'none', linkinfo: { info_kind: 'wireguard' } }, ['10.9.0.2']),
  link(8, 'tailscale0', { link_type: 'none', linkinfo: { info_kind: 'tun' } }, ['100.101.102.103']),
  link(9, 'enx02', { parentbus: 'usb', parentdev: '1-1.2:1.0', address: '0C:5B:8F:27:9A:64' }, [
    '192.168.8.100',
  ]),
  link(10, 'enx03', { parentbus: 'usb' }, ['192.168.8.100']),
  link(11, 'wwan0', { parentbus: 'usb', link_type: 'none' }, ['100.64.7.7', 'fd00::7']),
  link(12, 'ppp0', { link_type: 'ppp' }, ['198.51.100.3']),
  link(13, 'enp3s0.7', { linkinfo: { info_kind: 'vlan' } }, ['10.7.0.2']),
  link(14, 'br0', { linkinfo: { info_kind: 'bridge' } }, ['10.8.0.2']),
  link(15, 'eno1', { parentbus: 'pci', flags: ['BROADCAST', 'MULTICAST'] }, []),
  {
    ...link(16, 'enx04', { parentbus: 'usb' }, []),
    addr_info: [{ local: '2001:db8:4::4', tentative: true }],
  },
]);

/** What `ip -json -force -batch -` prints for questions of this batch, where those that `fails` names have no route. */
export function answeredRoutes(batch: string, fails: (question: string) => boolean): IpResult {
  const answers = batch
    .trimEnd()
    .split('\n')
    .map((question, index) => {
      const dev = / oif (\S+)/.exec(question)?.[1] ?? 'enp3s0';
      return fails(question)
        ? { stdout: '', stderr: `RTNETLINK answers: Network is unreachable\nCommand failed -:${index + 1}\n` }
        : {
            stdout: `[{"dst":"default","gateway":"192.168.1.1","dev":"${dev}","metric":100,"flags":[]}]\n`,
            stderr: '',
          };
    });
  return {
    stdout: answers.map(({ stdout }) => stdout).join(''),
    stderr: answers.map(({ stderr }) => stderr).join(''),
  };
}

/** The same from a version that does not know \`fibmatch\`. */
export const OLD_VERSION = `Error: any valid prefix is expected rather than "fibmatch".
Command failed -:1
`;

function link(index: number, name: string, more: object, addresses: readonly string[]) {
  return {
    ifindex: index,
    ifname: name,
    flags: ['BROADCAST', 'MULTICAST', 'UP', 'LOWER_UP'],
    link_type: 'ether',
    addr_info: addresses.map((local) => ({ local })),
    ...more,
  };
}
