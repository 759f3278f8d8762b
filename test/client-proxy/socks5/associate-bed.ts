import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import {
  AssociateOpener,
  type AssociateOpenerOptions,
} from '../../../client-proxy/socks5/associate-opening.ts';
import type { ErrorName } from '../../../shared/protocol/errors.ts';
import { UdpSockets } from '../../../shared/runtime/udp/udp-sockets.ts';
import { FakePlane } from '../datagram/fake-plane.ts';
import { relayBed } from '../datagram/relay-bed.ts';
import { fromHex, NO_AUTH_GREETING, RawClient, type SocksBed, startSocks } from './socks-bed.ts';

/** A front door that takes UDP ASSOCIATE, before a plane that sends each datagram back. */
export async function associateBed(
  options: Partial<AssociateOpenerOptions> = {},
  door: Parameters<typeof startSocks>[0] = {},
) {
  const relaying = relayBed();
  const plane = new FakePlane();
  plane.onSent = (flowId, payload) =>
    queueMicrotask(() => relaying.relay.onDatagramEvent(plane, { type: 'datagram', flowId, payload }));
  relaying.relay.onSession(plane, true);
  relaying.relay.onDatagramEvent(plane, plane.offered);
  const results: ('ok' | ErrorName)[] = [];
  const sockets = new UdpSockets(undefined);
  const associates = new AssociateOpener({
    whyNot: () => undefined,
    relay: relaying.relay,
    isOpenTo: () => true,
    hasDescriptor: () => true,
    openSocket: (socket) => sockets.open(socket),
    counts: relaying.counts,
    onResult: (result) => void results.push(result),
    logger: { debug() {}, info() {}, warn: (_, message) => void relaying.warnings.push(message), error() {} },
    ...options,
  });
  relaying.handlers.onUnsupported = () => associates.review();
  const bed = await startSocks({ ...door, onAssociate: (request) => void associates.open(request) });
  return { ...relaying, plane, results, associates, bed };
}

/** An application with a control connection and a socket for datagrams. */
export class UdpClient {
  readonly control: RawClient;
  readonly udp: Socket = createSocket('udp4');
  /** What came back, in hexadecimal. */
  readonly received: string[] = [];
  relayPort = 0;

  constructor({ port }: Pick<SocksBed, 'port'>) {
    this.control = new RawClient(port);
    this.udp.on('message', (message) => void this.received.push(message.toString('hex')));
  }

  /** @param asked the address that it says it sends from, in hexadecimal, with its port @returns the reply, in hexadecimal */
  async associate(asked = '00000000 0000'): Promise<string> {
    this.udp.bind(0, '127.0.0.1');
    await once(this.udp, 'listening');
    const own = this.udp.address().port.toString(16).padStart(4, '0');
    const request = fromHex(`05 03 00 01 ${asked.replace('OWN', own)}`);
    await this.control.send(Buffer.concat([NO_AUTH_GREETING, request]));
    const reply = (await this.control.receive(12)).subarray(2);
    this.relayPort = reply.length === 10 ? reply.readUInt16BE(8) : 0;
    return reply.toString('hex');
  }

  send(header: string, payload: string, socket = this.udp): void {
    socket.send(Buffer.concat([fromHex(header), Buffer.from(payload)]), this.relayPort, '127.0.0.1');
  }

  close(): void {
    this.control.destroy();
    this.udp.close();
  }
}
