import { lookup } from 'node:dns/promises';
import { isIP, type Socket } from 'node:net';
import { SocksClient } from 'socks';
import { type Destination, formatDestination } from '../../shared/protocol/destination.ts';
import type { ErrorName } from '../../shared/protocol/errors.ts';
import { socketReady } from '../../shared/runtime/tcp/socket-events.ts';
import { errorWords } from '../../shared/runtime/text/error-words.ts';
import type { UplinkBinding } from './uplink.ts';
import { connectOverDevice, type DeviceConnectOptions } from './uplink-device.ts';
import { connectFailure, ProxyUnreachable, UplinkError } from './uplink-error.ts';

/** The signal says better what was too slow, so that the library's own timer comes behind it. */
const LIBRARY_LATER_MS = 1_000;

type ProxyBinding = Extract<UplinkBinding, { kind: 'proxy' }>;

/**
 * Connects through an upstream SOCKS5 proxy (RFC 1928, RFC 1929), which also resolves `target.host`.
 * `timeoutMs` is the limit that the signal keeps, for the library's own timer.
 */
export async function connectThroughProxy(
  uplink: string,
  proxy: ProxyBinding,
  target: Destination,
  timeoutMs: number,
  options: DeviceConnectOptions,
): Promise<Socket> {
  const { signal } = options;
  const at = `the proxy ${formatDestination(proxy)}`;
  const socket = await connectToProxy(uplink, proxy, options).catch((error: unknown) => {
    // That of an interface that is not there, say.
    if (error instanceof UplinkError) throw error;
    throw new ProxyUnreachable(uplink, connectFailure(uplink, at, error));
  });
  // Ends the negotiation when the time is up: the client sees its socket close.
  const giveUp = () => socket.destroy();
  signal.addEventListener('abort', giveUp);
  try {
    await SocksClient.createConnection({
      command: 'connect',
      destination: { host: target.host, port: target.port },
      existing_socket: socket,
      timeout: timeoutMs + LIBRARY_LATER_MS,
      proxy: {
        host: proxy.host,
        port: proxy.port,
        type: 5,
        ...(proxy.user === undefined ? {} : { userId: proxy.user, password: proxy.password ?? '' }),
      },
    });
    return socket;
  } catch (error) {
    socket.on('error', () => {});
    signal.throwIfAborted();
    // Not as `cause`: the library's error carries its options, and those the password.
    const said = error instanceof Error ? error.message : `${error}`;
    const [, code, text] = MEANING.find(([part]) => said.includes(part)) ?? [
      '',
      'networkFailure',
      `does not connect us: ${errorWords(error)}`,
    ];
    throw new UplinkError(uplink, code, `no connection to ${formatDestination(target)}: ${at} ${text}`);
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

async function connectToProxy(
  uplink: string,
  { host, port, over }: ProxyBinding,
  options: DeviceConnectOptions,
): Promise<Socket> {
  const { signal, newSocket } = options;
  if (over !== undefined) {
    const family = over.kind === 'address' ? isIP(over.address) : 0;
    const { address } = isIP(host) === 0 ? await lookup(host, { family }) : { address: host };
    signal.throwIfAborted();
    return connectOverDevice(uplink, over, { host: address, port }, options);
  }
  const socket = newSocket();
  socket.connect({ host, port });
  await socketReady(socket, 'connect', signal);
  return socket;
}

/** By a part of the library's message, which ends in the name of the proxy's reply (RFC 1928 section 6). */
const MEANING: readonly (readonly [string, ErrorName, string])[] = [
  ['Authentication failed', 'notAuthorized', "refused our user and password; check the uplink's"],
  ['no accepted authentication', 'notAuthorized', 'wants a user and password; set them for the uplink'],
  ['ConnectionRefused', 'connectionRefused', 'says: connection refused'],
  ['NotAllowed', 'notAuthorized', 'says: not allowed by its rules'],
  ['HostUnreachable', 'destinationUnreachable', 'says: host unreachable'],
  ['NetworkUnreachable', 'destinationUnreachable', 'says: network unreachable'],
  ['TTLExpired', 'timedOut', 'says: time to live expired'],
  ['rejected connection', 'networkFailure', 'says: general failure'],
  ['Socket closed', 'connectionReset', 'closed the connection during the negotiation; is it a SOCKS5 proxy?'],
  ['Received invalid', 'malformedMessage', 'does not speak SOCKS5; check its host and port'],
];
