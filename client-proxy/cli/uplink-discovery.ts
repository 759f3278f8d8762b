import type { NetworkInterfaceInfo } from 'node:os';
import ipaddr from 'ipaddr.js';

/** This machine's interfaces that are up, as `os.networkInterfaces()` tells them. */
export type NetworkInterfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/** An interface that may lead to the internet. */
export interface FoundUplink {
  readonly interface: string;
  /** IPv4 first; at least one. */
  readonly addresses: readonly string[];
}

/**
 * The interfaces that look like uplinks: not loopback, not made by containers, bridges of them, virtual machines or
 * VPNs, and with an address that packets can come back to (global, private, shared or unique local; not link-local).
 * Whether one really reaches the internet only using it shows.
 */
export function discoverUplinks(interfaces: NetworkInterfaces): FoundUplink[] {
  return Object.entries(interfaces)
    .filter(([name]) => !VIRTUAL.test(name) && !name.includes(':'))
    .map(([name, infos]) => ({ interface: name, addresses: usableAddresses(infos ?? []) }))
    .filter(({ addresses }) => addresses.length > 0);
}

/** By name, as the programs that make them name them. PPP, WWAN and plain bridges (`br0`) stay: they can be uplinks. */
const VIRTUAL =
  /^(lo\d*$|docker|br-|veth|virbr|vnet|vmnet|vboxnet|lxc|lxd|cni|flannel|cali|podman|tun|tap|utun|wg|tailscale|zt|ipsec|nebula|dummy|ifb|sit|gre|ip6tnl|awdl|llw)/;

const UNUSABLE = new Set(['loopback', 'linkLocal', 'multicast', 'unspecified', 'broadcast']);

function usableAddresses(infos: readonly NetworkInterfaceInfo[]): string[] {
  return infos
    .filter(({ internal, address }) => !internal && !UNUSABLE.has(ipaddr.parse(address).range()))
    .sort((a, b) => a.family.localeCompare(b.family))
    .map(({ address }) => address);
}
