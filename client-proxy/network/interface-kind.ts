import type { NetworkInterface } from './network-view.ts';

/**
 * Why an interface is no uplink unless the configuration includes it; undefined when it may be one. By what the kernel says
 * it is, and by its name where the kernel does not say, or says only "bridge".
 */
export function whyVirtual({ name, kind }: Pick<NetworkInterface, 'name' | 'kind'>): string | undefined {
  if (kind === 'hardware' || LINKS.has(kind)) return undefined;
  if (kind === 'loopback') return 'the loopback interface';
  if (kind !== 'unknown' && kind !== 'bridge') return `virtual (${kind})`;
  return VIRTUAL_NAME.test(name) ? 'virtual, by its name' : undefined;
}

/**
 * Made by software, and yet the way to a network outside: PPP of a DSL line or a modem (a VPN by PPP cannot be told from it),
 * mobile data, a VLAN, several links as one.
 */
const LINKS = new Set(['ppp', 'wwan', 'rmnet', 'vlan', 'bond', 'team']);

/** As containers, virtual machines and VPNs name what they make. Plain bridges (`br0`) can be uplinks. */
const VIRTUAL_NAME =
  /^(lo\d*$|docker|br-|veth|virbr|vnet|vmnet|vboxnet|lxc|lxd|cni|flannel|cali|podman|tun|tap|utun|wg|tailscale|zt|ipsec|nebula|dummy|ifb|sit|gre|ip6tnl|awdl|llw)/;
