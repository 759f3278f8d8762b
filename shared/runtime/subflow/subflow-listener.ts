import { isIPv4, isIPv6 } from 'node:net';
import type { TlsIdentity } from '../identity/certificate.ts';
import { type ListenAddress, listen } from '../tcp/tcp-listener.ts';
import { serverOfArrivals } from './arrivals.ts';
import { HandshakeGate, type HandshakeGateOptions } from './handshake-gate.ts';
import { ProxiedArrivals } from './proxied-arrivals.ts';

export interface SubflowListenerOptions extends HandshakeGateOptions {
  readonly addresses: readonly ListenAddress[];
  /** Accepting failed, for example because no descriptors are left. The listener goes on. */
  onError(error: Error): void;
  /** Whether a load balancer connects from there, with a PROXY header in front of each connection. Absent: there are no balancers. */
  isBalancer?(address: string): boolean;
  /** Whether one more connection may be kept; where not, it is closed at once. */
  hasDescriptor?(): boolean;
}

export interface SubflowListener {
  /** Where it listens, in the order asked for, with the ports the kernel chose where 0 was asked for. */
  addresses(): readonly ListenAddress[];
  /** Shows another certificate to those that come from now on; subflows that are up, and handshakes under way, stay. PEM. */
  setIdentity(identity: TlsIdentity): void;
  /** Stops accepting, at once, and ends the handshakes under way; subflows that were handed over stay. */
  close(): void;
}

/**
 * Connections that the kernel holds until they are accepted; more than `net.core.somaxconn` is cut to that. In a flood of 5,000 a
 * second the event loop may be held up for 0.8 s before the kernel turns anybody away.
 */
const BACKLOG = 4_096;

/** Listens for subflows on all addresses; rejects with `ListenError` if one cannot be had. */
export async function listenForSubflows(options: SubflowListenerOptions): Promise<SubflowListener> {
  const gate = new HandshakeGate(options);
  const proxied = new ProxiedArrivals({
    isBalancer: (address) => options.isBalancer?.(address) ?? false,
    onArrival: (arrival) => gate.admit(arrival),
    onFailed: (balancer, reason) => options.onHandshakeFailed(balancer, reason),
  });
  const servers = options.addresses.map(() =>
    serverOfArrivals((arrival) => {
      if (options.hasDescriptor?.() === false) arrival.refuse();
      else proxied.admit(arrival);
    }),
  );
  const close = () => {
    for (const { server } of servers) server.close();
    proxied.close();
    gate.close();
  };
  // Beside IPv4 addresses `::` must keep to IPv6, or the two would contend for the port.
  const ipv6Only = options.addresses.some(({ host }) => isIPv4(host));
  try {
    const addresses: ListenAddress[] = [];
    for (const [i, address] of options.addresses.entries()) {
      const { server, take } = servers[i]!;
      const own = { ipv6Only: ipv6Only && isIPv6(address.host), setting: 'listen', backlog: BACKLOG };
      addresses.push(await listen(server, address, own, options.onError));
      take();
    }
    return { addresses: () => addresses, setIdentity: (identity) => gate.setIdentity(identity), close };
  } catch (error) {
    close();
    throw error;
  }
}
