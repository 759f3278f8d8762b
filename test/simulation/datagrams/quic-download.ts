import type { StreamPolicy } from '../../../shared/protocol/steering/steering-policy.ts';
import type { Side, Uplink } from '../network.ts';
import type { DatagramBed } from './datagram-bed.ts';
import { QuicReceiver } from './quic-receiver.ts';
import { QUIC_PACKET_BYTES, type QuicAck, QuicSender } from './quic-sender.ts';

const HEADERS_BYTES = 28;
/** An acknowledgement, with one range. */
const ACK_BYTES = 40;
const REQUEST_BYTES = 300;

/** A QUIC connection in which one side sends without end. */
export interface QuicRun {
  readonly sender: QuicSender;
  readonly receiver: QuicReceiver;
}

/** The pair carries it as one flow; the client asks, and the origin or, with `upload`, the client sends. */
export function quicThroughPair(
  { world }: DatagramBed,
  from: Side = 'concentrator',
  policy?: StreamPolicy,
): QuicRun {
  const { clock, ends } = world;
  const { client } = ends;
  const associationId = client.input(({ datagrams }) => datagrams.openAssociation());
  const destination = { host: '192.0.2.1', port: 443 };
  const flowId = client.input(({ datagrams }) => datagrams.openFlow(associationId, destination, policy));
  const send = (side: Side, payload: Uint8Array) => {
    ends[side].input(({ datagrams }) => datagrams.send(flowId, payload));
    ends[side].wake();
  };
  const to = from === 'client' ? 'concentrator' : 'client';
  const acks = new Map<number, QuicAck>();
  let answers = 0;
  const sender = new QuicSender(clock, (packet) => send(from, numbered(packet, QUIC_PACKET_BYTES)));
  const receiver = new QuicReceiver(clock, (ack) => {
    acks.set(answers, ack);
    send(to, numbered(answers++, ACK_BYTES));
  });
  let isAsked = from === 'client';
  ends[from].onDatagram.set(flowId, (payload) => {
    if (!isAsked) {
      isAsked = true;
      sender.start();
      return;
    }
    const ack = acks.get(numberOf(payload));
    if (ack !== undefined) sender.onAck(ack);
  });
  ends[to].onDatagram.set(flowId, (payload) => receiver.onPacket(numberOf(payload)));
  if (from === 'client') sender.start();
  else send('client', numbered(0, REQUEST_BYTES));
  return { sender, receiver };
}

/** The same as plain UDP over one uplink, from the far end. */
export function quicOverUplink(
  { world, network }: DatagramBed,
  uplink: Uplink,
  from: Side = 'concentrator',
): QuicRun {
  const { clock } = world;
  const to = from === 'client' ? 'concentrator' : 'client';
  const receiver = new QuicReceiver(clock, (ack) =>
    network.carry(to, uplink, ACK_BYTES + HEADERS_BYTES, () => sender.onAck(ack)),
  );
  const sender: QuicSender = new QuicSender(clock, (packet) =>
    network.carry(from, uplink, QUIC_PACKET_BYTES + HEADERS_BYTES, () => receiver.onPacket(packet)),
  );
  sender.start();
  return { sender, receiver };
}

function numbered(number: number, bytes: number): Uint8Array {
  const payload = Buffer.alloc(bytes);
  payload.writeUInt32BE(number);
  return payload;
}

function numberOf(payload: Uint8Array): number {
  return new DataView(payload.buffer, payload.byteOffset).getUint32(0);
}
