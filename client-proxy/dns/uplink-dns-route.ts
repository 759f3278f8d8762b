import { isIPv4 } from 'node:net';
import { isSameHost } from '../../shared/runtime/address/ip-address.ts';
import { PlainWay } from '../../shared/runtime/dns/dns-way.ts';
import { addressOf, type DnsRoute } from '../../shared/runtime/dns/name-servers.ts';
import type { NativeSockets } from '../../shared/runtime/kernel/native.ts';
import type { NetworkInterfaces } from '../network/network-view.ts';
import type { Uplink, UplinkBinding } from '../uplink/uplink.ts';
import type { AttachmentFinder } from '../uplink/uplink-device.ts';
import { UplinkError } from '../uplink/uplink-error.ts';
import type { LinkServers } from './link-servers.ts';
import { OverInterface } from './over-interface.ts';

/** What of this machine decides how an uplink's names are resolved. */
export interface DnsSurroundings {
  readonly linkServers: Pick<LinkServers, 'of' | 'ofSystem'>;
  /** Of this machine, as Node.js tells them. */
  networkInterfaces(): NetworkInterfaces;
  /** Needed for uplinks that are bound to an interface. */
  readonly native: NativeSockets | undefined;
  /** Absent: sockets are bound to what the binding says, and nothing else. */
  readonly attachment?: AttachmentFinder;
}

/** An uplink, and the name servers that are asked through it. */
export interface ResolvingUplink extends Uplink {
  /** As `address` or `address:port`; those of its link, else those of the system when absent. */
  readonly nameServers?: readonly string[];
}

/**
 * The name servers for what goes through an uplink (interface or address), and the way to them, which is the uplink: those of
 * the uplink's configuration, else those that its link has been given, else those of the system except on loopback, since what
 * listens there (a stub such as systemd-resolved) asks over whatever uplink it likes. Rejects with UplinkError when there is
 * none.
 */
export async function dnsRouteOf(uplink: ResolvingUplink, surroundings: DnsSurroundings): Promise<DnsRoute> {
  const { name, binding } = uplink;
  const servers = await serversOf(uplink, surroundings);
  if (servers.length === 0) {
    const advice =
      'no name server is known that can be asked through it (one on loopback asks over any uplink): set nameServers for it';
    throw new UplinkError(name, 'networkFailure', advice);
  }
  const { native, attachment } = surroundings;
  if (binding.kind === 'interface') {
    const sourceOf = (family: 4 | 6) => attachment?.(binding, UNSPECIFIED[family]).address;
    if (native !== undefined) return { servers, way: new OverInterface(binding.interface, native, sourceOf) };
    throw new UplinkError(name, 'networkFailure', 'binding to an interface needs Linux and koffi');
  }
  if (binding.kind === 'proxy') return { servers, way: new PlainWay() };
  const ofItsFamily = servers.filter((one) => isIPv4(addressOf(one).host) === isIPv4(binding.address));
  if (ofItsFamily.length > 0) {
    const { address } = binding;
    // An address of the link alone says nothing of which link it is.
    const isOnLink = ofItsFamily.some((server) => isLinkLocal(addressOf(server).host));
    const own = isOnLink ? deviceOf(binding, surroundings.networkInterfaces()) : undefined;
    const device = attachment?.(binding, address).interface ?? own;
    const isBound = device !== undefined && native !== undefined;
    const way = isBound ? new OverInterface(device, native, () => address) : new PlainWay(address);
    return { servers: ofItsFamily, way };
  }
  const advice = `no name server has an address of the family of ${binding.address}: set nameServers for it`;
  throw new UplinkError(name, 'networkFailure', advice);
}

/** As routers name themselves in their advertisements (RFC 8106). */
function isLinkLocal(host: string): boolean {
  return /^fe[89ab]/i.test(host);
}

/** Of each family an address that says nothing else. */
const UNSPECIFIED = { 4: '0.0.0.0', 6: '::' } as const;

/** The interface that an uplink stands on; undefined where that cannot be told. */
export function deviceOf(binding: UplinkBinding, interfaces: NetworkInterfaces): string | undefined {
  if (binding.kind === 'interface') return binding.interface;
  if (binding.kind === 'proxy') return undefined;
  return Object.keys(interfaces).find((device) =>
    interfaces[device]?.some(({ address }) => isSameHost(address, binding.address)),
  );
}

async function serversOf(
  { binding, nameServers }: ResolvingUplink,
  { linkServers, networkInterfaces }: DnsSurroundings,
): Promise<readonly string[]> {
  if (nameServers !== undefined) return nameServers;
  const device = deviceOf(binding, networkInterfaces());
  const ofLink = device === undefined ? [] : await linkServers.of(device);
  return ofLink.length > 0 ? ofLink : linkServers.ofSystem();
}
