import { BodyReader, BodyWriter, concatBytes } from '../codec/bytes.ts';
import {
  FLAG_BACKUP,
  FOUNDING_BYTES,
  HELLO_PARAMETER,
  MAC_BYTES,
  NAME_FORMAT,
  NONCE_BYTES,
  REQUEST_PARAMETER,
  TOKEN_BYTES,
  WELCOME_PARAMETER,
} from '../codec/wire.ts';
import { ProtocolViolation } from '../errors.ts';

/** Handshake messages, SPEC.md section 5, without their mac. */
export interface Hello {
  readonly lowestVersion: number;
  readonly highestVersion: number;
  readonly features: number;
  readonly nonce: Uint8Array;
  readonly clientId: string;
  readonly uplinkName: string;
  readonly backup: boolean;
  /** Which of the uplink's paths, 0 to 255: different ones are expected to have different bottlenecks. */
  readonly path: number;
  /** The connection is to be for measurements, which is no session (section 5, Measurements). */
  readonly isMeasurement?: boolean;
  readonly founding?: Founding | undefined;
}

/** What a concentrator says to a client that measurements it (section 5, Measurements). */
export interface MeasurementTerms {
  /** Bytes of DATA, both ways together, that may be exchanged for measurements now. */
  readonly allowanceBytes: number;
  /** JSON: what the concentrator tells of itself and of the connection. */
  readonly facts: string;
}

/** Tells which HELLOs of a client begin one session: the first to arrive makes it, the others add their subflows to it. */
export interface Founding {
  /** 16 bytes, random for each session that the client begins. */
  readonly id: Uint8Array;
  /** Of the subflow, if the concentrator knows this parameter. */
  readonly subflowId: number;
}

export interface Welcome {
  readonly version: number;
  readonly features: number;
  readonly nonce: Uint8Array;
  readonly token: Uint8Array;
  readonly maxStreams: number;
  readonly firstWindowBytes: number;
  readonly lingerMs: number;
  /** Most subflows at once; undefined when the concentrator does not say. */
  readonly maxSubflows?: number | undefined;
  /** Further subflows go to announced addresses alone (RFC 8684's C flag). */
  readonly joinElsewhere?: boolean | undefined;
  /** The connection is a measurement. */
  readonly measurement?: MeasurementTerms | undefined;
  /** The id of this subflow; undefined for 0. */
  readonly subflowId?: number | undefined;
  /** The server name (SNI) of connections for JOIN; undefined: they have no other than that for HELLO. */
  readonly joinName?: string | undefined;
}

export interface Join {
  readonly version: number;
  readonly backup: boolean;
  readonly subflowId: number;
  readonly nonce: Uint8Array;
  readonly token: Uint8Array;
  readonly clientId: string;
  readonly uplinkName: string;
  /** As in HELLO. */
  readonly path: number;
}

export interface Joined {
  readonly nonce: Uint8Array;
}

export function encodeHello(hello: Hello): Uint8Array {
  return new BodyWriter()
    .u8(hello.lowestVersion)
    .u8(hello.highestVersion)
    .u16(0)
    .u32(hello.features)
    .bytes(hello.nonce)
    .text(hello.clientId)
    .text(hello.uplinkName)
    .u8(hello.backup ? FLAG_BACKUP : 0)
    .bytes(requestParameters(hello, hello))
    .finish();
}

export function decodeHello(bytes: Uint8Array): Hello {
  const body = new BodyReader(bytes, 'HELLO');
  const [lowestVersion, highestVersion] = [body.u8(), body.u8()];
  body.u16();
  const features = body.u32();
  const nonce = body.bytes(NONCE_BYTES);
  const [clientId, uplinkName] = [readName(body, 'HELLO'), readName(body, 'HELLO')];
  const backup = (body.u8() & FLAG_BACKUP) !== 0;
  const parameters = readParameters(body, 'HELLO');
  const path = pathIn(parameters, 'HELLO');
  const founding = readFounding(parameters);
  return {
    ...{ lowestVersion, highestVersion, features, nonce, clientId, uplinkName, backup, path },
    isMeasurement: parameters.has(REQUEST_PARAMETER.measurement),
    ...(founding === undefined ? {} : { founding }),
  };
}

export function encodeWelcome(welcome: Welcome): Uint8Array {
  return new BodyWriter()
    .u8(welcome.version)
    .u8(0)
    .u16(0)
    .u32(welcome.features)
    .bytes(welcome.nonce)
    .bytes(welcome.token)
    .u32(welcome.maxStreams)
    .u32(welcome.firstWindowBytes)
    .u32(welcome.lingerMs)
    .bytes(welcomeParameters(welcome))
    .finish();
}

export function decodeWelcome(bytes: Uint8Array): Welcome {
  const body = new BodyReader(bytes, 'WELCOME');
  const version = body.u8();
  body.u8();
  body.u16();
  const features = body.u32();
  const [nonce, token] = [body.bytes(NONCE_BYTES), body.bytes(TOKEN_BYTES)];
  const [maxStreams, firstWindowBytes, lingerMs] = [body.u32(), body.u32(), body.u32()];
  const parameters = readParameters(body, 'WELCOME');
  const maxSubflowsValue = parameters.get(WELCOME_PARAMETER.maxSubflows);
  const maxSubflows = maxSubflowsValue && new BodyReader(maxSubflowsValue, 'WELCOME').u16();
  const joinElsewhere = parameters.has(WELCOME_PARAMETER.joinElsewhere);
  const measurement = readMeasurementTerms(parameters.get(WELCOME_PARAMETER.measurement));
  const subflowIdValue = parameters.get(WELCOME_PARAMETER.subflowId);
  const subflowId = subflowIdValue && new BodyReader(subflowIdValue, 'WELCOME').u32();
  const joinName = readJoinName(parameters.get(WELCOME_PARAMETER.joinName));
  return {
    version,
    features,
    nonce,
    token,
    maxStreams,
    firstWindowBytes,
    lingerMs,
    maxSubflows,
    joinElsewhere,
    measurement,
    ...(subflowId === undefined ? {} : { subflowId }),
    ...(joinName === undefined ? {} : { joinName }),
  };
}

function welcomeParameters(welcome: Welcome): Uint8Array {
  const { maxSubflows, joinElsewhere, measurement, subflowId, joinName } = welcome;
  const entries: [number, Uint8Array][] = [];
  if (maxSubflows !== undefined)
    entries.push([WELCOME_PARAMETER.maxSubflows, new BodyWriter().u16(maxSubflows).finish()]);
  if (joinElsewhere) entries.push([WELCOME_PARAMETER.joinElsewhere, new Uint8Array(0)]);
  if (measurement !== undefined) {
    const facts = new TextEncoder().encode(measurement.facts);
    const value = new BodyWriter().u32(measurement.allowanceBytes).bytes(facts).finish();
    entries.push([WELCOME_PARAMETER.measurement, value]);
  }
  if (subflowId !== undefined)
    entries.push([WELCOME_PARAMETER.subflowId, new BodyWriter().u32(subflowId).finish()]);
  if (joinName !== undefined) entries.push([WELCOME_PARAMETER.joinName, new TextEncoder().encode(joinName)]);
  return writeParameters(entries);
}

export function encodeJoin(join: Join): Uint8Array {
  return new BodyWriter()
    .u8(join.version)
    .u8(join.backup ? FLAG_BACKUP : 0)
    .u16(0)
    .u32(join.subflowId)
    .bytes(join.nonce)
    .bytes(join.token)
    .text(join.clientId)
    .text(join.uplinkName)
    .bytes(requestParameters(join))
    .finish();
}

export function decodeJoin(bytes: Uint8Array): Join {
  const body = new BodyReader(bytes, 'JOIN');
  const version = body.u8();
  const backup = (body.u8() & FLAG_BACKUP) !== 0;
  body.u16();
  const subflowId = body.u32();
  const [nonce, token] = [body.bytes(NONCE_BYTES), body.bytes(TOKEN_BYTES)];
  const [clientId, uplinkName] = [readName(body, 'JOIN'), readName(body, 'JOIN')];
  const path = pathIn(readParameters(body, 'JOIN'), 'JOIN');
  return { version, backup, subflowId, nonce, token, clientId, uplinkName, path };
}

export function encodeJoined(joined: Joined): Uint8Array {
  return new BodyWriter().bytes(joined.nonce).u16(0).finish();
}

export function decodeJoined(bytes: Uint8Array): Joined {
  const body = new BodyReader(bytes, 'JOINED');
  const nonce = body.bytes(NONCE_BYTES);
  readParameters(body, 'JOINED');
  return { nonce };
}

/** A message and its mac as one body. */
export function withMac(message: Uint8Array, mac: Uint8Array): Uint8Array {
  return concatBytes(message, mac);
}

/** Takes the mac off the end of a body. @throws ProtocolViolation when the body is too short for one. */
export function splitMac(body: Uint8Array): { message: Uint8Array; mac: Uint8Array } {
  if (body.length < MAC_BYTES) throw new ProtocolViolation('handshake: no mac');
  const end = body.length - MAC_BYTES;
  return { message: body.subarray(0, end), mac: body.subarray(end) };
}

function readName(body: BodyReader, what: string): string {
  const name = body.text();
  if (!NAME_FORMAT.test(name))
    throw new ProtocolViolation(`${what}: a name has a character outside A-Za-z0-9_.-`);
  return name;
}

function requestParameters(
  { path }: Pick<Join, 'path'>,
  { isMeasurement = false, founding }: Pick<Hello, 'isMeasurement' | 'founding'> = {},
): Uint8Array {
  const entries: [number, Uint8Array][] = [];
  if (path !== 0) entries.push([REQUEST_PARAMETER.path, Uint8Array.of(path)]);
  if (isMeasurement) entries.push([REQUEST_PARAMETER.measurement, new Uint8Array(0)]);
  if (founding !== undefined) {
    const value = new BodyWriter().bytes(founding.id).u32(founding.subflowId).finish();
    entries.push([HELLO_PARAMETER.founding, value]);
  }
  return writeParameters(entries);
}

function pathIn(parameters: ReadonlyMap<number, Uint8Array>, what: string): number {
  const value = parameters.get(REQUEST_PARAMETER.path);
  return value === undefined ? 0 : new BodyReader(value, what).u8();
}

function readMeasurementTerms(value: Uint8Array | undefined): MeasurementTerms | undefined {
  if (value === undefined) return undefined;
  const body = new BodyReader(value, 'WELCOME');
  const allowanceBytes = body.u32();
  // For people: what is no UTF-8 is shown as such.
  return { allowanceBytes, facts: new TextDecoder().decode(body.bytes(body.remaining)) };
}

function readJoinName(value: Uint8Array | undefined): string | undefined {
  if (value === undefined) return undefined;
  const name = new TextDecoder().decode(value);
  if (!isJoinName(name)) throw new ProtocolViolation('WELCOME: the name for JOIN is no host name');
  return name;
}

/**
 * Whether a text may be the server name of connections for JOIN: labels of 1 to 63 letters, digits and hyphens, 253 characters in
 * all, and no IP address, which RFC 6066 forbids.
 */
export function isJoinName(text: string): boolean {
  return text.length <= MAX_HOST_NAME_LENGTH && HOST_NAME.test(text) && !NUMBER_AT_END.test(text);
}

const MAX_HOST_NAME_LENGTH = 253;
const HOST_NAME = /^[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*$/i;
const NUMBER_AT_END = /(^|\.)[0-9]+$/;

function readFounding(parameters: ReadonlyMap<number, Uint8Array>): Founding | undefined {
  const value = parameters.get(HELLO_PARAMETER.founding);
  if (value === undefined) return undefined;
  const body = new BodyReader(value, 'HELLO');
  return { id: body.bytes(FOUNDING_BYTES), subflowId: body.u32() };
}

/** With their length in front. */
function writeParameters(entries: readonly (readonly [number, Uint8Array])[]): Uint8Array {
  const body = new BodyWriter();
  for (const [type, value] of entries) body.u16(type).u16(value.length).bytes(value);
  const parameters = body.finish();
  return new BodyWriter().u16(parameters.length).bytes(parameters).finish();
}

/** The parameters by type; of a repeated one, the last (section 5). */
function readParameters(body: BodyReader, what: string): ReadonlyMap<number, Uint8Array> {
  const length = body.u16();
  if (length !== body.remaining) throw new ProtocolViolation(`${what}: parameters do not fill the body`);
  const parameters = new Map<number, Uint8Array>();
  while (body.remaining > 0) {
    const type = body.u16();
    parameters.set(type, body.bytes(body.u16()));
  }
  return parameters;
}
