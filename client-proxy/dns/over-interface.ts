import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { isIPv4, type Socket } from 'node:net';
import type { Destination } from '../../shared/protocol/destination.ts';
import type { CancelSignal } from '../../shared/runtime/async/cancellation.ts';
import { boundSocket, type DnsWay } from '../../shared/runtime/dns/dns-way.ts';
import type { NativeSockets } from '../../shared/runtime/kernel/native.ts';
import { bindToInterface } from '../../shared/runtime/kernel/socket-options.ts';
import { connectOverInterface } from '../uplink/uplink-interface.ts';

/** Reaches name servers over one network interface and no other, whatever the routing table prefers. */
export class OverInterface implements DnsWay {
  readonly name: string;
  readonly #interface: string;
  readonly #native: NativeSockets;
  readonly #sourceOf: (family: 4 | 6) => string | undefined;

  /** @param sourceOf the source address that a rule of the kernel's wants now, of this family */
  constructor(
    name: string,
    native: NativeSockets,
    sourceOf: (family: 4 | 6) => string | undefined = () => undefined,
  ) {
    this.name = `interface ${name}`;
    this.#interface = name;
    this.#native = native;
    this.#sourceOf = sourceOf;
  }

  async openUdp(family: 4 | 6): Promise<UdpSocket> {
    const descriptor = this.#native.openUdp(family);
    try {
      bindToInterface(this.#native, descriptor, this.#interface);
      const source = this.#sourceOf(family);
      if (source !== undefined) this.#native.bind(descriptor, source);
    } catch (error) {
      this.#native.close(descriptor);
      throw error;
    }
    const socket = createSocket(family === 4 ? 'udp4' : 'udp6');
    return boundSocket(socket, (done) => socket.bind({ fd: descriptor, exclusive: true }, done));
  }

  connectTcp(server: Destination, signal: CancelSignal): Promise<Socket> {
    const source = this.#sourceOf(isIPv4(server.host) ? 4 : 6);
    const device = this.#interface;
    return connectOverInterface(device, device, server, signal, this.#native, undefined, source);
  }
}
