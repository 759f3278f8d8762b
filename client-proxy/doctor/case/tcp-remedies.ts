import { type Destination, formatDestination } from '../../../shared/protocol/destination.ts';
import { ProxyUnreachable } from '../../uplink/uplink-error.ts';
import type { UplinkCase } from './uplink-check.ts';

/** What mends it that an address of the concentrator was not reached over an uplink, a line each. */
export function tcpRemedies(it: UplinkCase, error: Error, address: Destination): string[] {
  const code = 'code' in error ? (error.code as string) : '';
  const byProxy = proxyRemedies(it, error, address, code);
  if (byProxy !== undefined) return byProxy;
  const translated = it.found.translated.get(address.host);
  if (translated !== undefined && code !== 'connectionRefused') return translatorRemedies(translated);
  return wayRemedies(address, code);
}

function wayRemedies(address: Destination, code: string): string[] {
  const { host, port } = address;
  const where = formatDestination(address);
  switch (code) {
    case 'connectionRefused':
      return [
        `at the concentrator: systemctl start tributary-concentrator   # or correct "listen": ${where}`,
      ];
    case 'timedOut':
      return [
        `if no uplink reaches it: open TCP port ${port} in the firewall of the concentrator and of its provider`,
        `if others reach it, this network drops port ${port}: let the concentrator listen on 443 too, and add that address`,
      ];
    case 'destinationUnreachable':
      return [`ip route get ${host}   # the network behind the uplink says that there is no way to ${where}`];
    default:
      return [];
  }
}

/** In a network of IPv6 alone, what translates to IPv4 (NAT64) stands in between. */
function translatorRemedies(ipv4: string): string[] {
  return [
    `add an IPv6 address of the concentrator to concentrator.addresses   # then the translator (NAT64) of this network, which does not lead to ${ipv4}, is not needed`,
    'if no uplink reaches it: see to the concentrator and its firewall',
  ];
}

/** Undefined where the uplink is no proxy, or what the proxy says is not its own fault. */
function proxyRemedies(
  { uplink: { name, binding }, config: { file } }: UplinkCase,
  error: Error,
  address: Destination,
  code: string,
): string[] | undefined {
  if (binding.kind !== 'proxy') return undefined;
  const [proxy, where] = [formatDestination(binding), formatDestination(address)];
  if (error instanceof ProxyUnreachable)
    return [`start the proxy ${proxy}, or correct it: "proxy" of the uplink "${name}" in ${file}`];
  switch (code) {
    case 'notAuthorized':
      return [
        `correct user and password in "proxy" of the uplink "${name}" in ${file}, or let the proxy's rules allow ${where}`,
      ];
    case 'connectionReset':
    case 'malformedMessage':
      return [
        `correct "proxy" of the uplink "${name}" in ${file}: what answers at ${proxy} speaks no SOCKS5`,
      ];
    case 'timedOut':
      return [
        `curl --socks5-hostname ${proxy} https://example.org/   # whether the proxy answers at all: if not, restart it; with --proxy-user, if it has a login`,
        ...wayRemedies(address, code),
      ];
    case 'destinationUnreachable':
    case 'networkFailure':
      return [`see the log of the proxy ${proxy}: it does not get to ${where}`];
    default:
      return undefined;
  }
}
