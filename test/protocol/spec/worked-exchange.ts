import { deepEqual, equal, ok } from 'node:assert/strict';
import { isIPv4 } from 'node:net';
import { concatBytes } from '../../../shared/protocol/codec/bytes.ts';
import { DatagramReader } from '../../../shared/protocol/codec/datagram-message.ts';
import { type ControlFrame, encodeControl, writeDataHeader } from '../../../shared/protocol/codec/frame.ts';
import {
  DATA_HEADER_BYTES,
  FLAG_ASSOCIATION,
  FLAG_FIN,
  FLAG_LISTENING,
  FLAG_METERED,
  FLAG_NO_JOIN_HERE,
  FLAG_ONCE,
  FLAG_ONLY,
  FLAG_OPENED_OK,
  FLAG_ORDERED,
  FLAG_WITHDRAWN,
  FRAME_TYPE,
  NO_MAX_LOSS,
} from '../../../shared/protocol/codec/wire.ts';
import { errorName } from '../../../shared/protocol/errors.ts';
import { ClientHandshake } from '../../../shared/protocol/handshake/client-handshake.ts';
import { ConcentratorHandshake } from '../../../shared/protocol/handshake/concentrator-handshake.ts';
import { encodeProbed, PathProbe } from '../../../shared/protocol/handshake/path-probe.ts';
import { rowOf, STEERING_MODE_NAMES } from '../../../shared/protocol/steering/modes.ts';
import { nodeHandshakeCrypto } from '../../../shared/runtime/session/handshake-crypto.ts';
import { type Parsed, parseAll, toHex } from '../support.ts';
import {
  type ExampleBlock,
  type ExampleField,
  type ExampleFrame,
  exampleBlocks,
  exampleInputs,
  type LayoutField,
  type LayoutItem,
  layoutsOf,
} from './spec-text.ts';

/** The name in SPEC.md (`SUBFLOW_STATE`) of a frame type of the code (`subflowState`). */
export function specName(type: string): string {
  return type.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

/**
 * Holds the worked exchange of a text like SPEC.md against the text's own layouts and against the code: every field says
 * what its bytes are, every frame has the fields of its layout, the handshake is what both sides of the code write for the
 * same inputs, and every session frame is read and written back by the codec.
 *
 * @throws Error at the first difference
 */
export function checkWorkedExchange(spec: string): void {
  const layouts = layoutsOf(spec);
  const blocks = exampleBlocks(spec);
  const frames = blocks.flatMap((block) => block.frames);
  for (const frame of frames) {
    frame.fields.forEach(checkValue);
    checkLayout(frame, layouts);
  }
  checkHandshake(frames, exampleInputs(spec));
  checkSession(blocks);
}

const bytesOf = ({ fields }: ExampleFrame) => concatBytes(...fields.map(({ bytes }) => bytes));
const numberOf = (bytes: Uint8Array) => Number(`0x${toHex(bytes)}`);

function fieldOf({ name: frame, fields }: ExampleFrame, name: string): ExampleField {
  const field = fields.find((one) => one.name === name);
  if (field === undefined) throw new Error(`${frame} without ${name}`);
  return field;
}

// --- what a field says of its bytes ---

/** Words that may stand behind a number, by field, with what they mean. */
const WORDS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  mode: Object.fromEntries(STEERING_MODE_NAMES.map((mode) => [mode, rowOf(mode).wire])),
  state: { active: 0, doubted: 1, gone: 2 },
  flags: {
    FIN: FLAG_FIN,
    connected: FLAG_OPENED_OK,
    listening: FLAG_LISTENING,
    association: FLAG_ASSOCIATION,
    metered: FLAG_METERED,
    ordered: FLAG_ORDERED,
  },
};
/** Fields that are zero when nothing is said of them. */
const ZERO_BY_DEFAULT = ['flags', 'reserved', 'code'];

function checkValue({ name, value, bytes }: ExampleField): void {
  const about = `${name} = ${value}`;
  if (value === undefined) {
    if (ZERO_BY_DEFAULT.includes(name)) equal(numberOf(bytes), 0, about);
  } else if (value.startsWith('"')) {
    equal(Buffer.from(bytes).toString('latin1'), JSON.parse(value), about);
  } else if (isIPv4(value)) {
    equal(bytes.join('.'), value, about);
  } else if (name === 'max loss' && value === 'none') {
    equal(numberOf(bytes), NO_MAX_LOSS, about);
  } else if (/^[A-Z_]+$/.test(value)) {
    const [type] = Object.entries(FRAME_TYPE).find(([key]) => specName(key) === value) ?? [];
    equal(numberOf(bytes), FRAME_TYPE[type as keyof typeof FRAME_TYPE], about);
  } else {
    const [digits, words] = value.split(', ');
    equal(numberOf(bytes), Number(digits), about);
    if (name === 'code') equal(errorName(Number(digits)), words, about);
    else if (words !== undefined && WORDS[name] !== undefined)
      equal(Number(digits), WORDS[name][words], about);
  }
}

// --- layouts ---

function checkLayout(frame: ExampleFrame, layouts: ReadonlyMap<string, readonly LayoutItem[]>): void {
  const { name, fields } = frame;
  const header = layouts.get('frame')!.slice(0, -1);
  // A frame without a layout has no body.
  const rest = matchItems([...header, ...(layouts.get(name) ?? [])], fields);
  deepEqual(
    rest.map((field) => field.name),
    [],
    `${name} has fields that its layout lacks`,
  );
  equal(numberOf(fieldOf(frame, 'length').bytes), bytesOf(frame).length - 8, `length of ${name}`);
}

/** Takes the fields of a layout off the front. @returns the fields behind them */
function matchItems(items: readonly LayoutItem[], fields: readonly ExampleField[]): readonly ExampleField[] {
  let rest = fields;
  const take = (item: LayoutField) => {
    const before = fields.slice(0, fields.length - rest.length);
    const [field] = rest;
    const size = sizeOf(item, before);
    if (field?.name !== item.name && (size === 0 || size === undefined)) return;
    equal(field?.name, item.name);
    if (size !== undefined) equal(field!.bytes.length, size, `bytes of ${item.name}`);
    rest = rest.slice(1);
  };
  for (const item of items) {
    if (!('length' in item)) take(item);
    else while (rest[0]?.name === item[0]!.name) for (const part of item) take(part);
  }
  return rest;
}

/** The bytes of a field: fixed, or as a field before it says, or undefined where it has what is left. */
function sizeOf({ size }: LayoutField, before: readonly ExampleField[]): number | undefined {
  if (typeof size === 'number') return size;
  const counter = /^(\w+) bytes$/.exec(size)?.[1];
  const counting = before.filter(({ name }) => name === counter).at(-1);
  return counting && numberOf(counting.bytes);
}

// --- the handshake ---

/** The crypto of the programs, but for nonces, which are those of the example. */
function cryptoWith(nonce: Uint8Array) {
  return { ...nodeHandshakeCrypto, randomBytes: () => nonce };
}

function checkHandshake(frames: readonly ExampleFrame[], inputs: ReadonlyMap<string, Uint8Array>): void {
  const named = (name: string) => {
    const frame = frames.find((one) => one.name === name);
    if (frame === undefined) throw new Error(`no ${name} in the exchange`);
    return frame;
  };
  const [hello, welcome, join, joined] = ['HELLO', 'WELCOME', 'JOIN', 'JOINED'].map(named);
  const key = inputs.get('key')!;
  const token = fieldOf(welcome!, 'token').bytes;
  const sides = (
    request: ExampleFrame,
    answer: ExampleFrame,
    intent: ConstructorParameters<typeof ClientHandshake>[0]['intent'],
    exporter: Uint8Array,
  ) => {
    const text = (name: string) => Buffer.from(fieldOf(request, name).bytes).toString();
    const id = text('client id');
    const client = new ClientHandshake({
      crypto: cryptoWith(fieldOf(request, 'nonce').bytes),
      identity: { id, key },
      exporter,
      uplinkName: text('uplink'),
      backup: false,
      path: parameterOf(request) ?? 0,
      intent,
    });
    equal(toHex(client.request), toHex(bytesOf(request)), request.name);
    const concentrator = new ConcentratorHandshake({
      crypto: cryptoWith(fieldOf(answer, 'nonce').bytes),
      exporter,
      keysOf: (name) => (name === id ? [key] : []),
    });
    equal(concentrator.receive(bytesOf(request))?.kind, intent.kind);
    return { client, concentrator };
  };

  const first = sides(hello!, welcome!, { kind: 'hello' }, inputs.get('exporter of subflow 0')!);
  const granted = first.client.receive(bytesOf(welcome!))?.welcome;
  if (granted === undefined) throw new Error('WELCOME is not whole');
  const shown = {
    maxStreams: numberOf(fieldOf(welcome!, 'max streams').bytes),
    firstWindowBytes: numberOf(fieldOf(welcome!, 'first window').bytes),
    lingerMs: numberOf(fieldOf(welcome!, 'linger').bytes),
    maxSubflows: parameterOf(welcome!),
    token,
  };
  deepEqual({ ...granted, ...shown }, granted);
  equal(toHex(first.concentrator.welcome(shown)), toHex(bytesOf(welcome!)), 'WELCOME');

  const subflowId = numberOf(fieldOf(join!, 'subflow').bytes);
  const intent = { kind: 'join', token, subflowId } as const;
  const second = sides(join!, joined!, intent, inputs.get('exporter of subflow 1')!);
  ok(second.client.receive(bytesOf(joined!)));
  equal(toHex(second.concentrator.joined()), toHex(bytesOf(joined!)), 'JOINED');
  const [probe, probed] = [named('PROBE'), named('PROBED')];
  const probing = new PathProbe(fieldOf(probe, 'padding').bytes.length);
  equal(toHex(probing.request), toHex(bytesOf(probe)), 'PROBE');
  equal(toHex(encodeProbed(bytesOf(probe).length - 8)), toHex(bytesOf(probed)), 'PROBED');
  ok(probing.receive(bytesOf(probed)));
  const refused = named('REFUSED');
  const reason = errorName(numberOf(fieldOf(refused, 'code').bytes));
  equal(toHex(second.concentrator.refuse(reason)), toHex(bytesOf(refused)), 'REFUSED');
}

/** The value of the only parameter that an example has. */
function parameterOf({ fields }: ExampleFrame): number | undefined {
  const value = fields.find(({ name }) => name === 'value');
  return value && numberOf(value.bytes);
}

// --- session frames ---

/** Session bytes that were written on each subflow, by sender. */
type Written = Map<string, number>;

function checkSession(blocks: readonly ExampleBlock[]): void {
  const written: Written = new Map();
  for (const { sender, subflow, frames } of blocks) {
    for (const frame of frames) {
      const bytes = bytesOf(frame);
      if (bytes[0]! < FRAME_TYPE.data) continue;
      const [parsed, ...more] = parseAll(bytes);
      ok(parsed !== undefined && more.length === 0, `${frame.name} is not one frame`);
      equal(toHex(writeBack(parsed)), toHex(bytes), frame.name);
      checkProperties(frame, parsed);
      if (parsed.kind === 'control' && parsed.frame.type === 'receipt')
        checkReceipt(parsed.frame, sender, written);
      const place = `${sender} ${subflow}`;
      written.set(place, (written.get(place) ?? 0) + bytes.length);
    }
  }
}

function writeBack(parsed: Parsed): Uint8Array {
  if (parsed.kind === 'control') return encodeControl(parsed.frame);
  const payload = Buffer.from(parsed.payload, 'hex');
  const frame = new Uint8Array(DATA_HEADER_BYTES + payload.length);
  writeDataHeader(frame, 0, parsed.streamId, parsed.dsn, payload.length, parsed.fin);
  frame.set(payload, DATA_HEADER_BYTES);
  return frame;
}

/** Each RECEIPT of the exchange covers all that was written so far. */
function checkReceipt(
  { entries }: Extract<ControlFrame, { type: 'receipt' }>,
  sender: ExampleBlock['sender'],
  written: Written,
): void {
  const peer = sender === 'client' ? 'concentrator' : 'client';
  for (const { subflowId, bytes } of entries) equal(bytes, written.get(`${peer} ${subflowId}`), 'RECEIPT');
}

/** Fields of SPEC.md by the properties of the code's frames, where they have other names. */
const FIELD_OF: Readonly<Record<string, string>> = {
  streamId: 'stream',
  subflowId: 'subflow',
  addressId: 'id',
  bytesPerSecond: 'bytes per second',
  delayMicroseconds: 'delay',
  maxRttMs: 'max rtt',
  visitorPort: 'visitor port',
  localPort: 'local port',
  flowId: 'flow',
  associationId: 'association',
  connectionId: 'connection id',
  maxFlows: 'most flows',
  maxAssociations: 'most associations',
};

/** What the codec reads is what the fields of the same meaning hold. */
function checkProperties(frame: ExampleFrame, parsed: Parsed): void {
  const read = parsed.kind === 'control' ? fieldsOf(parsed.frame) : parsed;
  const groups: [object, readonly ExampleField[]][] = [[read, frame.fields]];
  if ('entries' in read)
    groups.push(
      ...read.entries.map((entry, i) => [entry, frame.fields.slice(4 + 3 * i)] as [object, ExampleField[]]),
    );
  for (const [object, fields] of groups) {
    for (const [property, value] of Object.entries(object)) {
      const field = fields.find(({ name }) => name === (FIELD_OF[property] ?? property));
      if (typeof value === 'number')
        equal(field && numberOf(field.bytes), value, `${frame.name}: ${property}`);
      if (value instanceof Uint8Array)
        equal(field && toHex(field.bytes), toHex(value), `${frame.name}: ${property}`);
    }
  }
  equal(numberOf(fieldOf(frame, 'flags').bytes), flagsOf(read), `flags of ${frame.name}`);
  if ('host' in read) equal(JSON.stringify(read.host), fieldOf(frame, 'host').value);
  if ('text' in read) equal(JSON.stringify(read.text), fieldOf(frame, 'text').value);
  if ('state' in read) equal(fieldOf(frame, 'state').value?.split(', ')[1], read.state);
  if ('backup' in read) equal(numberOf(fieldOf(frame, 'backup').bytes), read.backup ? 1 : 0);
  if ('uplinks' in read) {
    const entries = frame.fields.slice(4).filter(({ name }) => ['flags', 'weight', 'uplink'].includes(name));
    const expected = read.uplinks.flatMap(({ name, weight, isOnly, isOrdered }) => [
      (isOnly ? FLAG_ONLY : 0) | (isOrdered ? FLAG_ORDERED : 0),
      weight,
      JSON.stringify(name),
    ]);
    deepEqual(
      entries.map(({ name, value, bytes }) => (name === 'uplink' ? value : numberOf(bytes))),
      expected,
    );
  }
}

/** A DATAGRAM frame is read in two steps. */
function fieldsOf(frame: ControlFrame) {
  if (frame.type !== 'datagram') return frame;
  const reader = new DatagramReader();
  ok(reader.read(frame.message), 'a DATAGRAM without a message');
  const { sequence, flowId, payload } = reader;
  return { type: frame.type, sequence, flowId, payload };
}

function flagsOf(read: Parsed | ReturnType<typeof fieldsOf>): number {
  if ('fin' in read) return read.fin ? FLAG_FIN : 0;
  if ('ok' in read) return read.ok ? FLAG_OPENED_OK : 0;
  if ('joinHere' in read) return read.joinHere ? 0 : FLAG_NO_JOIN_HERE;
  if ('once' in read) return (read.withdrawn ? FLAG_WITHDRAWN : 0) | (read.once ? FLAG_ONCE : 0);
  if ('isAssociation' in read) return read.isAssociation ? FLAG_ASSOCIATION : 0;
  if ('metered' in read) return read.metered ? FLAG_METERED : 0;
  return 0;
}
