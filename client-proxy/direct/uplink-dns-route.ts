import { isIPv4 } from 'node:net';
import type { NetworkInterfaceInfo } from 'node:os';
import { parseHostPort } from '../../shared/runtime/config/host-port.ts';
import { isLoopback } from '../../shared/runtime/config/schema-pieces.ts';
import type { DnsRoute } from '../../shared/runtime/net/resolver.ts';
import { UplinkError } from '../../shared/runtime/net/uplink-error.ts';
import type { ConfiguredUplink } from '../config/client-config.ts';

/** What of this machine decides how an uplink's names are resolved. */
export interface DnsSurroundings {
  /** The system's name servers, as `dns.getServers` tells them. */
  systemServers(): readonly string[];
  interfaces(): Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;
}

/**
 * The name servers for what goes directly through an uplink (interface or address), and the uplink's addresses to ask from:
 * those of the uplink's configuration, else those of the system except on loopback, since what listens there (a stub such as
 * systemd-resolved) asks over whatever uplink it likes. Throws UplinkError when there is none, or no address.
 */
export function dnsRouteOf(
  { name, binding, nameServers }: ConfiguredUplink,
  surroundings: DnsSurroundings,
): DnsRoute {
  const addresses =
    binding.kind === 'interface'
      ? (surroundings.interfaces()[binding.interface] ?? []).map(({ address }) => address)
      : binding.kind === 'address'
        ? [binding.address]
        : [];
  const v4 = addresses.find((address) => isIPv4(address));
  // One that is link-local reaches name servers on the link alone, and wants a zone.
  const v6 = addresses.find((address) => !isIPv4(address) && !/^fe[89ab]/i.test(address));
  if (v4 === undefined && v6 === undefined) {
    throw new UplinkError(name, 'networkFailure', 'it has no address now to resolve names from');
  }
  const usable = (nameServers ?? surroundings.systemServers()).filter((server) => {
    const host = hostOf(server);
    return !(nameServers === undefined && isLoopback(host)) && (isIPv4(host) ? v4 : v6) !== undefined;
  });
  if (usable.length === 0) {
    const advice =
      nameServers === undefined
        ? 'the system has no name server that can be asked through it (one on loopback asks over any uplink): set nameServers for it'
        : 'it has no address of the family of its nameServers';
    throw new UplinkError(name, 'networkFailure', advice);
  }
  return {
    servers: usable,
    localAddresses: { ...(v4 === undefined ? {} : { v4 }), ...(v6 === undefined ? {} : { v6 }) },
  };
}

function hostOf(server: string): string {
  return parseHostPort(server)?.host ?? server.replace(/^\[(.*)\]$/, '$1');
}
