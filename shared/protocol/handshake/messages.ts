import { BodyReader, BodyWriter, concatBytes } from '../codec/bytes.ts';
import { FLAG_BACKUP, MAC_BYTES, NAME_FORMAT, NONCE_BYTES, PARAMETER, TOKEN_BYTES } from '../codec/wire.ts';
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
}

export interface Join {
  readonly version: number;
  readonly backup: boolean;
  readonly subflowId: number;
  readonly nonce: Uint8Array;
  readonly token: Uint8Array;
  readonly clientId: string;
  readonly uplinkName: string;
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
    .u16(0)
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
  readParameters(body, 'HELLO');
  return { lowestVersion, highestVersion, features, nonce, clientId, uplinkName, backup };
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
  const maxSubflowsValue = readParameters(body, 'WELCOME').get(PARAMETER.maxSubflows);
  const maxSubflows = maxSubflowsValue && new BodyReader(maxSubflowsValue, 'WELCOME').u16();
  return { version, features, nonce, token, maxStreams, firstWindowBytes, lingerMs, maxSubflows };
}

function welcomeParameters({ maxSubflows }: Welcome): Uint8Array {
  if (maxSubflows === undefined) return new BodyWriter().u16(0).finish();
  return new BodyWriter().u16(6).u16(PARAMETER.maxSubflows).u16(2).u16(maxSubflows).finish();
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
    .u16(0)
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
  readParameters(body, 'JOIN');
  return { version, backup, subflowId, nonce, token, clientId, uplinkName };
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
