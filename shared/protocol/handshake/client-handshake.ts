import { readU16 } from '../codec/bytes.ts';
import { encodeFrame } from '../codec/frame.ts';
import { HandshakeFrameReader } from '../codec/frame-parser.ts';
import { FEATURES, FRAME_TYPE, NONCE_BYTES, PROTOCOL_VERSION } from '../codec/wire.ts';
import { errorName, ProtocolViolation, TributaryError } from '../errors.ts';
import { type HandshakeCrypto, handshakeMac } from './crypto.ts';
import {
  decodeJoined,
  decodeWelcome,
  encodeHello,
  encodeJoin,
  type Founding,
  splitMac,
  type Welcome,
  withMac,
} from './messages.ts';

export interface ClientIdentity {
  readonly id: string;
  /** 32 bytes. */
  readonly key: Uint8Array;
}

/** Begins a session (`hello`) or a measurement, or adds a subflow to one (`join`). */
export type ClientIntent =
  | { readonly kind: 'hello'; readonly isMeasurement?: boolean; readonly founding?: Founding }
  | { readonly kind: 'join'; readonly token: Uint8Array; readonly subflowId: number };

export interface ClientHandshakeOptions {
  readonly crypto: HandshakeCrypto;
  readonly identity: ClientIdentity;
  readonly exporter: Uint8Array;
  readonly uplinkName: string;
  readonly backup: boolean;
  /** Which of the uplink's paths; 0 where it has one. */
  readonly path?: number;
  readonly intent: ClientIntent;
}

/** The concentrator said no, truthfully (REFUSED, section 5). */
export class HandshakeRefused extends TributaryError {
  constructor(code: number) {
    super(errorName(code), `the concentrator refused the subflow: ${errorName(code)}`, 'peer');
  }
}

export type ClientHandshakeResult = {
  /** Present after HELLO. */
  readonly welcome?: Welcome;
  /** Session bytes that came behind the answer. */
  readonly rest: Uint8Array;
};

/** The client's side of one subflow's handshake (SPEC.md section 5), without sockets. */
export class ClientHandshake {
  /** What to send first. */
  readonly request: Uint8Array;
  readonly #options: ClientHandshakeOptions;
  readonly #requestBody: Uint8Array;
  readonly #reader = new HandshakeFrameReader();

  constructor(options: ClientHandshakeOptions) {
    this.#options = options;
    const { crypto, identity, exporter, uplinkName, backup, path = 0, intent } = options;
    const nonce = crypto.randomBytes(NONCE_BYTES);
    const message =
      intent.kind === 'hello'
        ? encodeHello({
            lowestVersion: PROTOCOL_VERSION,
            highestVersion: PROTOCOL_VERSION,
            features: FEATURES,
            nonce,
            clientId: identity.id,
            uplinkName,
            backup,
            path,
            isMeasurement: intent.isMeasurement ?? false,
            founding: intent.founding,
          })
        : encodeJoin({
            version: PROTOCOL_VERSION,
            backup,
            subflowId: intent.subflowId,
            nonce,
            token: intent.token,
            clientId: identity.id,
            uplinkName,
            path,
          });
    this.#requestBody = withMac(message, handshakeMac(crypto, identity.key, intent.kind, exporter, message));
    this.request = encodeFrame(
      intent.kind === 'hello' ? FRAME_TYPE.hello : FRAME_TYPE.join,
      0,
      this.#requestBody,
    );
  }

  /**
   * Takes what arrived; the result once the answer is whole and proven.
   * @throws HandshakeRefused | ProtocolViolation
   */
  receive(chunk: Uint8Array): ClientHandshakeResult | undefined {
    const frame = this.#reader.push(chunk);
    if (frame === undefined) return undefined;
    if (frame.type === FRAME_TYPE.refused) {
      if (frame.body.length < 2) throw new ProtocolViolation('REFUSED: body too short');
      throw new HandshakeRefused(readU16(frame.body, 0));
    }
    const { crypto, identity, exporter, intent } = this.#options;
    const expected = intent.kind === 'hello' ? FRAME_TYPE.welcome : FRAME_TYPE.joined;
    if (frame.type !== expected) throw new ProtocolViolation('handshake: the answer is of the wrong type');
    const { message, mac } = splitMac(frame.body);
    const label = intent.kind === 'hello' ? 'welcome' : 'joined';
    const proof = handshakeMac(crypto, identity.key, label, exporter, this.#requestBody, message);
    if (!crypto.constantTimeEqual(proof, mac)) {
      throw new ProtocolViolation("handshake: the concentrator's mac is wrong", 'notAuthorized');
    }
    if (intent.kind === 'join') {
      decodeJoined(message);
      return { rest: frame.rest };
    }
    const welcome = decodeWelcome(message);
    if (welcome.version !== PROTOCOL_VERSION) {
      throw new ProtocolViolation('WELCOME: a version that was not offered', 'unsupportedVersion');
    }
    return { welcome, rest: frame.rest };
  }
}
