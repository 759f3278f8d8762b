import fc from 'fast-check';
import { type ControlFrame, encodeControl, writeDataHeader } from '../../../shared/protocol/codec/frame.ts';
import {
  DATA_HEADER_BYTES,
  FIRST_IGNORABLE_TYPE,
  FIRST_INBOUND_STREAM,
  MAX_SEQUENCE,
  SESSION_TYPES,
} from '../../../shared/protocol/codec/wire.ts';
import { type Parsed, toHex } from '../support.ts';

const u8 = fc.integer({ min: 0, max: 0xff });
const u16 = fc.integer({ min: 0, max: 0xffff });
const port = fc.integer({ min: 1, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
/** Mostly the edges: 0, around 2^32, up to 2^53 - 1. */
const sequence = fc.oneof(
  fc.constantFrom(0, 1, 0xffff_ffff, 0x1_0000_0000, MAX_SEQUENCE - 1, MAX_SEQUENCE),
  fc.nat(100_000),
  fc.maxSafeNat(),
);
const text = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 60 })
  .filter((value) => Buffer.byteLength(value) <= 255);
const address = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }),
  fc.uint8Array({ minLength: 16, maxLength: 16 }),
);

const type = <T extends string>(name: T) => fc.constant(name);

const steeringFields = {
  generation: u32,
  mode: u8,
  maxRttMs: u32,
  maxLossMillionths: fc.option(fc.integer({ min: 0, max: 1_000_000 }), { nil: undefined }),
  uplinks: fc.uniqueArray(
    fc.record({
      name: fc.stringMatching(/^[A-Za-z0-9_.-]{1,64}$/),
      isOnly: fc.boolean(),
      isOrdered: fc.boolean(),
      weight: u32,
    }),
    { maxLength: 24, selector: ({ name }) => name },
  ),
};

const inbound = fc.record({
  type: type('inbound'),
  streamId: fc.oneof(
    fc.integer({ min: FIRST_INBOUND_STREAM, max: FIRST_INBOUND_STREAM + 9 }),
    fc.constant(MAX_SEQUENCE),
  ),
  limit: sequence,
  slot: u8,
  generation: u32,
  visitorPort: u16,
  localPort: u16,
});

/** The control frames by type: one that is missing here does not compile. */
const BY_TYPE: {
  readonly [T in ControlFrame['type']]: fc.Arbitrary<Extract<ControlFrame, { type: T }>>;
} = {
  reset: fc.record({ type: type('reset'), streamId: sequence, code: u16 }),
  open: fc.record({ type: type('open'), streamId: sequence, limit: sequence, mode: u8, host: text, port }),
  opened: fc.record({
    type: type('opened'),
    streamId: sequence,
    limit: sequence,
    ok: fc.boolean(),
    code: u16,
  }),
  window: fc.record({ type: type('window'), streamId: sequence, ack: sequence, limit: sequence }),
  receipt: fc.record({
    type: type('receipt'),
    entries: fc.array(fc.record({ subflowId: u32, delayMicroseconds: u32, bytes: sequence }), {
      minLength: 1,
      maxLength: 128,
    }),
  }),
  ping: fc.record({ type: type('ping') }),
  subflowState: fc.record({
    type: type('subflowState'),
    subflowId: u32,
    state: fc.constantFrom('active' as const, 'doubted' as const, 'gone' as const),
  }),
  priority: fc.record({ type: type('priority'), subflowId: u32, backup: fc.boolean(), generation: u32 }),
  addressAdd: fc.record({ type: type('addressAdd'), addressId: u8, address, port, joinHere: fc.boolean() }),
  addressRemove: fc.record({ type: type('addressRemove'), addressId: u8 }),
  utilization: fc.record({
    type: type('utilization'),
    subflowId: u32,
    percent: fc.integer({ min: 0, max: 100 }),
  }),
  rateLimit: fc.record({
    type: type('rateLimit'),
    subflowId: u32,
    bytesPerSecond: sequence,
    metered: fc.boolean(),
    generation: u32,
  }),
  subflowsWish: fc.record({
    type: type('subflowsWish'),
    subflowId: u32,
    count: fc.integer({ min: 1, max: 0xff }),
  }),
  steering: fc.record({ type: type('steering'), streamId: sequence, ...steeringFields }),
  keepAlive: fc.record({
    type: type('keepAlive'),
    streamId: sequence,
    seconds: fc.integer({ min: 1, max: 0xffff }),
  }),
  publish: fc.record({
    type: type('publish'),
    slot: u8,
    generation: u32,
    withdrawn: fc.boolean(),
    once: fc.boolean(),
    port,
    host: text,
  }),
  published: fc.record({
    type: type('published'),
    slot: u8,
    generation: u32,
    answer: u32,
    ok: fc.boolean(),
    port: u16,
    code: u16,
    text,
  }),
  inbound: fc.tuple(inbound, fc.tuple(address, address)).map(([frame, [visitor, other]]) => ({
    ...frame,
    visitor,
    local: other.length === visitor.length ? other : visitor,
  })),
  datagramSetup: fc.record({
    type: type('datagramSetup'),
    epoch: u16,
    port: u16,
    connectionId: fc.uint8Array({ minLength: 8, maxLength: 8 }),
    secret: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    maxFlows: u32,
    maxAssociations: u32,
  }),
  flow: fc.record({ type: type('flow'), flowId: u32, associationId: u32, mode: u8, port, host: text }),
  flowEnd: fc.record({ type: type('flowEnd'), id: u32, isAssociation: fc.boolean(), code: u16 }),
  flowSteering: fc.record({ type: type('flowSteering'), flowId: u32, ...steeringFields }),
  datagram: fc.record({ type: type('datagram'), message: fc.uint8Array({ maxLength: 2_048 }) }),
  goaway: fc.record({ type: type('goaway'), code: u16 }),
  close: fc.record({ type: type('close'), code: u16 }),
};

/** Every control frame that can be sent. */
export const controlFrame: fc.Arbitrary<ControlFrame> = fc.oneof(
  ...(Object.values(BY_TYPE) as fc.Arbitrary<ControlFrame>[]),
);

/** Types that every receiver skips. */
const UNKNOWN_IGNORABLE_TYPES = Array.from(
  { length: 0x100 - FIRST_IGNORABLE_TYPE },
  (_, i) => FIRST_IGNORABLE_TYPE + i,
).filter((one) => !SESSION_TYPES.has(one));

interface WireFrame {
  readonly bytes: Uint8Array;
  /** What a parser must make of it; undefined for a frame that is skipped. */
  readonly parsed: Parsed | undefined;
}

const controlWire: fc.Arbitrary<WireFrame> = controlFrame.map((frame) => ({
  bytes: encodeControl(frame),
  parsed: { kind: 'control', frame },
}));

const dataWire: fc.Arbitrary<WireFrame> = fc
  .record({
    streamId: sequence,
    dsn: fc.oneof(fc.nat(100_000), fc.constant(MAX_SEQUENCE - 5_000)),
    payload: fc.uint8Array({ maxLength: 5_000 }),
    fin: fc.boolean(),
  })
  .filter(({ payload, fin }) => fin || payload.length > 0)
  .map(({ streamId, dsn, payload, fin }) => {
    const bytes = new Uint8Array(DATA_HEADER_BYTES + payload.length);
    writeDataHeader(bytes, 0, streamId, dsn, payload.length, fin);
    bytes.set(payload, DATA_HEADER_BYTES);
    return { bytes, parsed: { kind: 'data', streamId, dsn, payload: toHex(payload), fin } };
  });

const ignorableWire: fc.Arbitrary<WireFrame> = fc
  .record({
    frameType: fc.constantFrom(...UNKNOWN_IGNORABLE_TYPES),
    flags: u8,
    body: fc.uint8Array({ maxLength: 400 }),
  })
  .map(({ frameType, flags, body }) => {
    const bytes = new Uint8Array(8 + body.length);
    bytes.set([frameType, flags, 0, 0, 0, 0, body.length >>> 8, body.length & 0xff]);
    bytes.set(body, 8);
    return { bytes, parsed: undefined };
  });

/** A stretch of a subflow's bytes with what a parser must make of it. */
export const wireFrames = fc.array(fc.oneof(controlWire, dataWire, ignorableWire), { maxLength: 12 });
