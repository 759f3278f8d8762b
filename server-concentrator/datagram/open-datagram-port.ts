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
    const where = `UDP port ${number}`;
    const failure = new ListenError(where, 'datagrams.port', error as NodeJS.ErrnoException, ADVICE);
    if (datagrams.port !== undefined) throw failure;
    logger.warn({ reason: failure.message }, 'no UDP port: datagrams travel on subflows');
  }
}

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
};
