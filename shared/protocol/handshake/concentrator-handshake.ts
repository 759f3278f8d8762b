import { writeU16 } from '../codec/bytes.ts';
import { encodeFrame } from '../codec/frame.ts';
import { type HandshakeFrame, HandshakeFrameReader } from '../codec/frame-parser.ts';
import { FEATURES, FRAME_TYPE, KEY_BYTES, NONCE_BYTES, PROTOCOL_VERSION } from '../codec/wire.ts';
import { ERROR_CODE, type ErrorName, MisuseError, ProtocolViolation } from '../errors.ts';
import { type HandshakeCrypto, handshakeMac } from './crypto.ts';
import {
  decodeHello,
  decodeJoin,
  encodeJoined,
  encodeWelcome,
  type Hello,
  type Join,
  splitMac,
  type Welcome,
  withMac,
} from './messages.ts';
import { encodeProbed } from './path-probe.ts';

export interface ConcentratorHandshakeOptions {
  readonly crypto: HandshakeCrypto;
  readonly exporter: Uint8Array;
  /** The keys of a client id, one or two; empty when there is none (any more). */
  keysOf(clientId: string): readonly Uint8Array[];
}

/** Keys that a client may have at a time: its key, and while it changes to another, that one. */
const MAX_CLIENT_KEYS = 2;

/** A request whose mac was right. The answer is up to the caller: `welcome`, `joined` or `refuse`. */
export type AuthenticatedRequest =
  | { readonly kind: 'hello'; readonly hello: Hello; readonly rest: Uint8Array }
  | { readonly kind: 'join'; readonly join: Join; readonly rest: Uint8Array };

/** The concentrator's side of one subflow's handshake (SPEC.md sections 4 and 5), without sockets. */
export class ConcentratorHandshake {
  readonly #options: ConcentratorHandshakeOptions;
  #reader = new HandshakeFrameReader();
  #hasProbed = false;
  #probed: Uint8Array | undefined;
  #requestBody: Uint8Array | undefined;
  #requestType: number = FRAME_TYPE.hello;
  /** What HELLO offers. */
  #offeredFeatures = 0;
  /** That which the request was proven with. */
  #key: Uint8Array = new Uint8Array(KEY_BYTES);

  constructor(options: ConcentratorHandshakeOptions) {
    this.#options = options;
  }

  /**
   * Takes what arrived; the request once it is whole and proven.
   * @throws ProtocolViolation for anything else: close without a word.
   */
  receive(chunk: Uint8Array): AuthenticatedRequest | undefined {
    const frame = this.#reader.push(chunk);
    if (frame === undefined) return undefined;
    if (frame.type === FRAME_TYPE.probe) {
      this.#onProbe(frame);
      return undefined;
    }
    const { message, mac } = splitMac(frame.body);
    switch (frame.type) {
      case FRAME_TYPE.hello: {
        const hello = decodeHello(message);
        this.#prove('hello', hello.clientId, message, mac);
        this.#requestBody = frame.body;
        this.#requestType = frame.type;
        this.#offeredFeatures = hello.features;
        return { kind: 'hello', hello, rest: frame.rest };
      }
      case FRAME_TYPE.join: {
        const join = decodeJoin(message);
        this.#prove('join', join.clientId, message, mac);
        this.#requestBody = frame.body;
        this.#requestType = frame.type;
        return { kind: 'join', join, rest: frame.rest };
      }
      default:
        throw new ProtocolViolation('handshake: neither HELLO nor JOIN');
    }
  }

  /** The answer to a PROBE that `receive` has taken, once. */
  takeProbed(): Uint8Array | undefined {
    const probed = this.#probed;
    this.#probed = undefined;
    return probed;
  }

  /** The key that the client has proven; only for a request that `receive` has returned. */
  get provenKey(): Uint8Array {
    this.#request();
    return this.#key;
  }

  /** The request as it came, for another process to read; only after `receive` has returned it. */
  get requestFrame(): Uint8Array {
    return encodeFrame(this.#requestType, 0, this.#request());
  }

  /** The bytes of WELCOME. @param offered the features that this end has switched on */
  welcome(welcome: Omit<Welcome, 'version' | 'nonce' | 'features'>, offered = FEATURES): Uint8Array {
    const nonce = this.#options.crypto.randomBytes(NONCE_BYTES);
    const features = this.#offeredFeatures & offered;
    const message = encodeWelcome({ ...welcome, version: PROTOCOL_VERSION, features, nonce });
    return encodeFrame(FRAME_TYPE.welcome, 0, this.#seal('welcome', message));
  }

  /** The bytes of JOINED. */
  joined(): Uint8Array {
    const message = encodeJoined({ nonce: this.#options.crypto.randomBytes(NONCE_BYTES) });
    return encodeFrame(FRAME_TYPE.joined, 0, this.#seal('joined', message));
  }

  /** The bytes of REFUSED; only for a request that `receive` has returned. */
  refuse(error: ErrorName): Uint8Array {
    this.#request();
    const body = new Uint8Array(2);
    writeU16(body, 0, ERROR_CODE[error]);
    return encodeFrame(FRAME_TYPE.refused, 0, body);
  }

  /** Once, before HELLO or JOIN, which waits for the answer. */
  #onProbe({ bodyBytes, rest }: HandshakeFrame): void {
    if (this.#hasProbed || rest.length > 0) throw new ProtocolViolation('handshake: something behind PROBE');
    this.#hasProbed = true;
    this.#reader = new HandshakeFrameReader();
    this.#probed = encodeProbed(bodyBytes);
  }

  #seal(label: 'welcome' | 'joined', message: Uint8Array): Uint8Array {
    const { crypto, exporter } = this.#options;
    return withMac(message, handshakeMac(crypto, this.#key, label, exporter, this.#request(), message));
  }

  #request(): Uint8Array {
    if (this.#requestBody === undefined) throw new MisuseError('answer before an authenticated request');
    return this.#requestBody;
  }

  #prove(label: 'hello' | 'join', clientId: string, message: Uint8Array, mac: Uint8Array): void {
    const { crypto, exporter, keysOf } = this.#options;
    const known = keysOf(clientId);
    let proven: Uint8Array | undefined;
    // The same work for every client, known or not, with one key or two: what is missing is random, and cannot be guessed either.
    for (let i = 0; i < MAX_CLIENT_KEYS; i++) {
      const random = crypto.randomBytes(KEY_BYTES);
      const key = known[i] ?? random;
      const right = crypto.constantTimeEqual(handshakeMac(crypto, key, label, exporter, message), mac);
      if (right && known[i] !== undefined) proven = key;
    }
    if (proven === undefined) {
      throw new ProtocolViolation('handshake: unknown client or wrong key', 'notAuthorized');
    }
    this.#key = proven;
  }
}

/** Whether a HELLO's version range includes ours, or a JOIN's version is ours. */
export function speaksOurVersion(message: Hello | Join): boolean {
  if ('version' in message) return message.version === PROTOCOL_VERSION;
  return message.lowestVersion <= PROTOCOL_VERSION && PROTOCOL_VERSION <= message.highestVersion;
}
