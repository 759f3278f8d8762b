import { isIPv4 } from 'node:net';
import type { Logger } from 'pino';
import { type Destination, formatDestination } from '../../shared/protocol/destination.ts';
import { ListenError } from '../../shared/runtime/tcp/tcp-listener.ts';
import type { ConcentratorConfig } from '../config/concentrator-config.ts';
import type { DatagramPort } from './datagram-port.ts';

/**
 * Opens the UDP port at each address where subflows arrive. Where the port of the configuration's cannot be had, rejects with
 * ListenError; where none is configured, another program may have it (a web server has UDP 443 for HTTP/3), and datagrams travel on subflows.
 */
export async function openDatagramPort(
  port: DatagramPort,
  listen: readonly Destination[],
  { datagrams }: Pick<ConcentratorConfig, 'datagrams'>,
  logger: Pick<Logger, 'info' | 'warn'>,
): Promise<void> {
  const [first] = listen;
  if (!datagrams.enabled || first === undefined) return;
  const number = datagrams.port ?? first.port;
  const hosts = udpHostsOf(listen);
  try {
    await port.open(hosts, number);
    logger.info({ udp: port.addresses.map(formatDestination) }, 'datagrams arrive here');
  } catch (error) {
    goOnWithoutUdp(number, error as NodeJS.ErrnoException, { datagrams }, logger);
  }
}

/** @throws ListenError where the configuration names the port, unless the kernel has no such thing */
export function goOnWithoutUdp(
  port: number,
  error: NodeJS.ErrnoException,
  { datagrams }: Pick<ConcentratorConfig, 'datagrams'>,
  logger: Pick<Logger, 'warn'>,
): void {
  const failure = new ListenError(`UDP port ${port}`, 'datagrams.port', error, ADVICE);
  if (datagrams.port !== undefined && error.code !== CANNOT_SPREAD) throw failure;
  logger.warn({ reason: failure.message }, NO_UDP_PORT);
}

export const NO_UDP_PORT = 'no UDP port: datagrams travel on subflows';
/** The kernel cannot give each worker its packets. */
export const CANNOT_SPREAD = 'ENOPROTOOPT';

/** Where packets of clients arrive, whose subflows arrive at these addresses. */
export function udpHostsOf(listen: readonly Destination[]): readonly string[] {
  const hosts = listen.map(({ host }) => host);
  // A socket for all addresses of IPv6 alone takes TCP over IPv4, too.
  return hosts.includes('::') && !hosts.some((host) => isIPv4(host)) ? [...hosts, '0.0.0.0'] : hosts;
}

const ADVICE = {
  EADDRINUSE: 'another program has it (EADDRINUSE); stop it or choose another port',
  EACCES: 'not allowed (EACCES); choose a port from 1024 up or grant CAP_NET_BIND_SERVICE',
  EADDRNOTAVAIL: 'this machine has no such address (EADDRNOTAVAIL); see `ip address`',
  [CANNOT_SPREAD]: `the kernel cannot share it among workers (${CANNOT_SPREAD})`,
};
