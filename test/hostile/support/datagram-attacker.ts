import { createCipheriv, createHmac } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import {
  encodeAnnouncement,
  encodeDatagramHead,
  encodeFeedback,
  encodePath,
  type FlowAnnouncement,
} from '../../../shared/protocol/codec/datagram-message.ts';
import { encodeControl } from '../../../shared/protocol/codec/frame.ts';
import type { Destination } from '../../../shared/protocol/destination.ts';
import { ERROR_CODE } from '../../../shared/protocol/errors.ts';
import type { Pair } from '../../end-to-end/support/pair.ts';
import { RogueClient } from '../../end-to-end/support/subflow-client.ts';

const HEADER_BYTES = 16;
const CIPHER = 'aes-128-gcm';

/** A client's packets, made by hand from SPEC.md section 13: with the right keys, and any content. */
export class DatagramAttacker {
  readonly client: RogueClient;
  /** Bytes and packets that the concentrator has sent to each address of ours. */
  readonly answers = new Map<string, { packets: number; bytes: number; raw: Buffer[] }>();
  readonly #to: Destination;
  readonly #connectionId: Uint8Array;
  readonly #keys: Keys;
  readonly #sockets: Socket[] = [];
  #counter = 0;

  private constructor(client: RogueClient, to: Destination, connectionId: Uint8Array, secret: Uint8Array) {
    this.client = client;
    this.#to = to;
    this.#connectionId = connectionId;
    this.#keys = keysOf(secret);
  }

  /** Opens a session as another client of the pair's concentrator. */
  static async connect(pair: Pair, clientId: string): Promise<DatagramAttacker> {
    const client = await RogueClient.connect(pair, pair.identityOf(clientId));
    const { connectionId, secret, port } = await client.next('datagramSetup');
    return new DatagramAttacker(client, { host: pair.host, port }, connectionId, secret);
  }

  /** Where packets go. */
  get target(): Destination {
    return this.#to;
  }

  /** A socket to send from; what comes to it is counted under its address. */
  async socket(host = '127.0.0.1'): Promise<Socket> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
    socket.bind(0, host);
    await once(socket, 'listening');
    this.#sockets.push(socket);
    const heard = { packets: 0, bytes: 0, raw: [] as Buffer[] };
    this.answers.set(host, heard);
    socket.on('message', (packet) => {
      heard.packets++;
      heard.bytes += packet.length;
      heard.raw.push(packet);
    });
    socket.on('error', () => {});
    return socket;
  }

  /** A message as a packet with the next counter, or the one that is told. */
  seal(message: Uint8Array, { path = 0, counter = ++this.#counter } = {}): Buffer {
    const header = Buffer.alloc(HEADER_BYTES);
    header.set(this.#connectionId);
    header[8] = path;
    header.writeUIntBE(counter, 10, 6);
    const cipher = createCipheriv(CIPHER, this.#keys.key, nonceOf(this.#keys.iv, header));
    cipher.setAAD(header);
    return Buffer.concat([header, cipher.update(message), cipher.final(), cipher.getAuthTag()]);
  }

  send(socket: Socket, packet: Uint8Array): void {
    socket.send(packet, this.#to.port, this.#to.host);
  }

  /** Begins the path that all packets take. */
  beginPath(socket: Socket): void {
    this.send(socket, this.seal(encodePath({ uplinkName: 'test' }, 200)));
  }

  /** Ends the session in order, and so what it has asked for. */
  close(): void {
    this.client.socket.end(encodeControl({ type: 'close', code: ERROR_CODE.cancelled }));
    for (const socket of this.#sockets) socket.close();
  }
}

/** DATAGRAM with its announcement, and a payload of so many bytes. */
export function announcedDatagram(
  flowId: number,
  sequence: number,
  flow: FlowAnnouncement,
  payload: Uint8Array,
): Buffer {
  return Buffer.concat([encodeDatagramHead(flowId, sequence, false, encodeAnnouncement(flow)), payload]);
}

/** FEEDBACK that says that everything up to a counter has come. */
export function feedbackFor(path: number, largest: number): Uint8Array {
  const firstRun = Math.min(largest - 1, 0xffff);
  return encodeFeedback({ path, delayMs: 0, largest, packets: largest, firstRun, gaps: [] });
}

interface Keys {
  readonly key: Uint8Array;
  readonly iv: Uint8Array;
}

/** A client's. */
function keysOf(secret: Uint8Array): Keys {
  const label = Buffer.from('tributary/1 datagrams client');
  const block = createHmac('sha256', secret)
    .update(Buffer.concat([label, Buffer.of(1)]))
    .digest();
  return { key: block.subarray(0, 16), iv: block.subarray(16, 28) };
}

/** The iv XOR (4 zero bytes, path, counter). */
function nonceOf(iv: Uint8Array, header: Uint8Array): Buffer {
  const nonce = Buffer.from(iv);
  for (let i = 0; i < 8; i++) nonce[4 + i]! ^= header[8 + i]!;
  return nonce;
}
