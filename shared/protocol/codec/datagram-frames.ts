import { ProtocolViolation } from '../errors.ts';
import { BodyReader, type BodyWriter } from './bytes.ts';
import { decodeFlowSteering, encodeSteering, type FlowSteeringFrame } from './steering-frame.ts';
import { CONNECTION_ID_BYTES, FLAG_ASSOCIATION, FRAME_TYPE, SECRET_BYTES } from './wire.ts';

/** DATAGRAM_SETUP (SPEC.md section 13): the concentrator offers the datagram plane, or new keys. */
export interface DatagramSetupFrame {
  readonly type: 'datagramSetup';
  readonly epoch: number;
  /** 0: messages travel on subflows alone. */
  readonly port: number;
  readonly connectionId: Uint8Array;
  readonly secret: Uint8Array;
  readonly maxFlows: number;
  readonly maxAssociations: number;
}

/** FLOW: datagrams between an association and a destination. */
export interface FlowFrame {
  readonly type: 'flow';
  readonly flowId: number;
  readonly associationId: number;
  readonly mode: number;
  readonly port: number;
  readonly host: string;
}

/** FLOW_END: a flow, or an association with all its flows, is over. */
export interface FlowEndFrame {
  readonly type: 'flowEnd';
  readonly id: number;
  readonly isAssociation: boolean;
  readonly code: number;
}

/** DATAGRAM: a message where no packet passes. It is read as one, by the plane: nothing in it is a violation. */
export interface DatagramMessageFrame {
  readonly type: 'datagram';
  readonly message: Uint8Array;
}

export type DatagramFrame =
  | DatagramSetupFrame
  | FlowFrame
  | FlowEndFrame
  | FlowSteeringFrame
  | DatagramMessageFrame;

/** Writes the body. @returns the flags */
export function encodeDatagramFrame(frame: DatagramFrame, body: BodyWriter): number {
  switch (frame.type) {
    case 'datagramSetup':
      body.u16(frame.epoch).u16(frame.port).bytes(frame.connectionId).bytes(frame.secret);
      body.u32(frame.maxFlows).u32(frame.maxAssociations);
      return 0;
    case 'flow':
      body.u32(frame.flowId).u32(frame.associationId).u8(frame.mode).u8(0).u16(frame.port).text(frame.host);
      return 0;
    case 'flowEnd':
      body.u32(frame.id).u16(frame.code);
      return frame.isAssociation ? FLAG_ASSOCIATION : 0;
    case 'flowSteering':
      encodeSteering(frame, body);
      return 0;
    case 'datagram':
      body.bytes(frame.message);
      return 0;
  }
}

type DatagramFrameType = (typeof FRAME_TYPE)[DatagramFrame['type']];

const TYPES: ReadonlySet<number> = new Set<DatagramFrameType>([
  FRAME_TYPE.datagramSetup,
  FRAME_TYPE.flow,
  FRAME_TYPE.flowEnd,
  FRAME_TYPE.flowSteering,
  FRAME_TYPE.datagram,
]);

export function isDatagramFrame(type: number): type is DatagramFrameType {
  return TYPES.has(type);
}

/** Reads a body of one of these types. @throws ProtocolViolation `malformedMessage` */
export function decodeDatagramFrame(
  type: DatagramFrameType,
  flags: number,
  bytes: Uint8Array,
): DatagramFrame {
  switch (type) {
    case FRAME_TYPE.datagramSetup:
      return decodeSetup(new BodyReader(bytes, 'DATAGRAM_SETUP'));
    case FRAME_TYPE.flow:
      return decodeFlow(new BodyReader(bytes, 'FLOW'));
    case FRAME_TYPE.flowEnd: {
      const body = new BodyReader(bytes, 'FLOW_END');
      const isAssociation = (flags & FLAG_ASSOCIATION) !== 0;
      return { type: 'flowEnd', id: body.u32(), isAssociation, code: body.u16() };
    }
    case FRAME_TYPE.flowSteering:
      return decodeFlowSteering(bytes);
    case FRAME_TYPE.datagram:
      return { type: 'datagram', message: bytes };
  }
}

function decodeSetup(body: BodyReader): DatagramSetupFrame {
  const [epoch, port] = [body.u16(), body.u16()];
  const connectionId = body.bytes(CONNECTION_ID_BYTES).slice();
  const secret = body.bytes(SECRET_BYTES).slice();
  const [maxFlows, maxAssociations] = [body.u32(), body.u32()];
  return { type: 'datagramSetup', epoch, port, connectionId, secret, maxFlows, maxAssociations };
}

function decodeFlow(body: BodyReader): FlowFrame {
  const [flowId, associationId, mode] = [body.u32(), body.u32(), body.u8()];
  body.u8();
  const [port, host] = [body.u16(), body.text()];
  if (port === 0) throw new ProtocolViolation('FLOW: port 0');
  return { type: 'flow', flowId, associationId, mode, port, host };
}
