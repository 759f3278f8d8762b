import { ProtocolViolation } from '../errors.ts';
import { BodyReader, type BodyWriter } from './bytes.ts';
import { FLAG_ONLY, FLAG_ORDERED, MAX_STEERED_UPLINKS, MILLION, NAME_FORMAT, NO_MAX_LOSS } from './wire.ts';

/** What STEERING and FLOW_STEERING (SPEC.md sections 6 and 13) say of a stream or a flow. */
export interface SteeringFields {
  /** The highest that was seen counts. */
  readonly generation: number;
  readonly mode: number;
  /** 0: not said. */
  readonly maxRttMs: number;
  /** Undefined: not said. */
  readonly maxLossMillionths: number | undefined;
  /** The ordered ones in their order. */
  readonly uplinks: readonly SteeredUplink[];
}

/** STEERING: how one stream is to be sent, by both ends. */
export interface SteeringFrame extends SteeringFields {
  readonly type: 'steering';
  readonly streamId: number;
}

/** FLOW_STEERING: the same for the datagrams of a flow. */
export interface FlowSteeringFrame extends SteeringFields {
  readonly type: 'flowSteering';
  readonly flowId: number;
}

export interface SteeredUplink {
  readonly name: string;
  readonly isOnly: boolean;
  readonly isOrdered: boolean;
  /** 0: no share. */
  readonly weight: number;
}

export function encodeSteering(frame: SteeringFrame | FlowSteeringFrame, body: BodyWriter): void {
  if (frame.type === 'steering') body.u64(frame.streamId);
  else body.u32(frame.flowId);
  body.u32(frame.generation).u8(frame.mode).u8(frame.uplinks.length).u16(0);
  body.u32(frame.maxRttMs).u32(frame.maxLossMillionths ?? NO_MAX_LOSS);
  for (const { name, isOnly, isOrdered, weight } of frame.uplinks) {
    const flags = (isOnly ? FLAG_ONLY : 0) | (isOrdered ? FLAG_ORDERED : 0);
    body.u8(flags).u32(weight).text(name);
  }
}

/** @throws ProtocolViolation `malformedMessage` */
export function decodeSteering(bytes: Uint8Array): SteeringFrame {
  const body = new BodyReader(bytes, 'STEERING');
  return { type: 'steering', streamId: body.u64(), ...readFields(body, 'STEERING') };
}

/** @throws ProtocolViolation `malformedMessage` */
export function decodeFlowSteering(bytes: Uint8Array): FlowSteeringFrame {
  const body = new BodyReader(bytes, 'FLOW_STEERING');
  return { type: 'flowSteering', flowId: body.u32(), ...readFields(body, 'FLOW_STEERING') };
}

function readFields(body: BodyReader, frame: string): SteeringFields {
  const [generation, mode, count] = [body.u32(), body.u8(), body.u8()];
  body.u16();
  const [maxRttMs, maxLoss] = [body.u32(), body.u32()];
  if (maxLoss > MILLION && maxLoss !== NO_MAX_LOSS) throw new ProtocolViolation(`${frame}: loss above all`);
  if (count > MAX_STEERED_UPLINKS) throw new ProtocolViolation(`${frame}: too many uplinks`);
  const uplinks = Array.from({ length: count }, () => readUplink(body, frame));
  if (new Set(uplinks.map(({ name }) => name)).size < count) {
    throw new ProtocolViolation(`${frame}: an uplink stands twice`);
  }
  const maxLossMillionths = maxLoss === NO_MAX_LOSS ? undefined : maxLoss;
  return { generation, mode, maxRttMs, maxLossMillionths, uplinks };
}

function readUplink(body: BodyReader, frame: string): SteeredUplink {
  const [flags, weight, name] = [body.u8(), body.u32(), body.text()];
  if (!NAME_FORMAT.test(name)) throw new ProtocolViolation(`${frame}: not the name of an uplink`);
  return { name, isOnly: (flags & FLAG_ONLY) !== 0, isOrdered: (flags & FLAG_ORDERED) !== 0, weight };
}
