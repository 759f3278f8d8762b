import { isIPv4 } from 'node:net';
import { parseHostPort } from '../../shared/runtime/address/host-port.ts';
import { isLoopback } from '../../shared/runtime/address/special-ranges.ts';
import type { DnsRoute } from '../../shared/runtime/dns/dns-channels.ts';
import type { NativeSockets } from '../../shared/runtime/kernel/native.ts';
import type { Uplink } from '../uplink/uplink.ts';
import { UplinkError } from '../uplink/uplink-error.ts';
import { OverInterface } from './interface-dns.ts';

/** What of this machine decides how an uplink's names are resolved. */
export interface DnsSurroundings {
  /** The system's name servers, as `dns.getServers` tells them. */
  systemServers(): readonly string[];
  /** Needed for uplinks that are bound to an interface. */
  readonly native: NativeSockets | undefined;
}

/** An uplink, and the name servers that are asked through it. */
export interface ResolvingUplink extends Uplink {
  /** As `address` or `address:port`; those of the system when absent. */
  readonly nameServers?: readonly string[];
}

/**
 * The name servers for what goes directly through an uplink (interface or address), and the way to them, which is the uplink:
 * those of the uplink's configuration, else those of the system except on loopback, since what listens there (a stub such as
 * systemd-resolved) asks over whatever uplink it likes. Throws UplinkError when there is none.
 */
export function dnsRouteOf(
  { name, binding, nameServers }: ResolvingUplink,
  { systemServers, native }: DnsSurroundings,
): DnsRoute {
  const servers = nameServers ?? systemServers().filter((server) => !isLoopback(hostOf(server)));
  if (servers.length === 0) {
    const advice =
      'the system has no name server that can be asked through it (one on loopback asks over any uplink): set nameServers for it';
    throw new UplinkError(name, 'networkFailure', advice);
  }
  if (binding.kind === 'interface') {
    if (native !== undefined) return { servers, over: new OverInterface(binding.interface, native) };
    throw new UplinkError(name, 'networkFailure', 'binding to an interface needs Linux and koffi');
  }
  if (binding.kind === 'proxy') return { servers };
  const ofItsFamily = servers.filter((server) => isIPv4(hostOf(server)) === isIPv4(binding.address));
  if (ofItsFamily.length > 0) return { servers: ofItsFamily, localAddress: binding.address };
  const advice = `no name server has an address of the family of ${binding.address}: set nameServers for it`;
  throw new UplinkError(name, 'networkFailure', advice);
}

function hostOf(server: string): string {
  return parseHostPort(server)?.host ?? server.replace(/^\[(.*)\]$/, '$1');
}
