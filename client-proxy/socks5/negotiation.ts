import { isIP } from 'node:net';
import type { Destination } from '../../shared/protocol/destination.ts';
import { MisuseError, SOCKS_REPLY } from '../../shared/protocol/errors.ts';
import type { Lookup } from '../front/connect-request.ts';
import { hostFromAddressBytes, hostFromDomainField } from '../front/requested-host.ts';
import { recogniseForeignProtocol } from './foreign-protocol.ts';
import { encodeReply } from './replies.ts';

/** Why the bytes of a client led to no request. */
export type NegotiationFailure =
  | 'socks4'
  | 'http'
  | 'badVersion'
  | 'noAcceptableMethod'
  | 'badCredentials'
  | 'unsupportedCommand'
  | 'unsupportedAddressType'
  | 'badDestination';

/**
 * What to do after some bytes; `request` and `failure` are the last. After `login` nothing comes until it is answered. No action
 * at all: more bytes are needed.
 */
export type NegotiationAction =
  | { readonly kind: 'send'; readonly bytes: Uint8Array }
  /** To be checked, and answered by `answerLogin`; copies. */
  | { readonly kind: 'login'; readonly name: Uint8Array; readonly password: Uint8Array }
  | {
      readonly kind: 'request';
      readonly destination: Destination;
      readonly lookup: Lookup | undefined;
      /** The authenticated user, where users are configured. */
      readonly user: string | undefined;
      /** Bytes that came after the request, often none; a copy. */
      readonly earlyData: Uint8Array;
    }
  | {
      readonly kind: 'failure';
      readonly reason: NegotiationFailure;
      /** For the log; holds no credentials. */
      readonly detail: string;
      /** What the client is told before the connection closes (empty: no more than before); undefined closes it at once. */
      readonly farewell: Uint8Array | undefined;
    };

/**
 * The server's side of a SOCKS5 negotiation (RFC 1928 sections 3 to 6, RFC 1929), without sockets: bytes in,
 * in pieces of any size, actions out.
 *
 *     client                                server
 *     05 n methods...               ──►
 *                                   ◄──     05 method           (FF: none acceptable)
 *     01 n name... n password...    ──►                         (method 02 only)
 *                                   ◄──     01 status
 *     05 01 00 atyp address port    ──►
 *                                   ◄──     reply               (by the caller, for a request)
 *
 * What it keeps between calls is an unfinished message, so never more than the 513 bytes of the longest one; while a login is
 * checked, also what came with it. The caller should read no more meanwhile.
 */
export class Negotiation {
  readonly #asksForLogin: boolean;
  #state: State = 'greeting';
  #unparsed: Uint8Array = new Uint8Array(0);
  #user: string | undefined;

  /** @param asksForLogin whether user and password are required (method 02), or not asked for (method 00) */
  constructor(asksForLogin: boolean) {
    this.#asksForLogin = asksForLogin;
  }

  /**
   * Takes what the client sent; the memory stays the caller's.
   *
   * @throws MisuseError when the negotiation is over.
   */
  receive(bytes: Uint8Array): NegotiationAction[] {
    if (this.#state === 'requested' || this.#state === 'failed') {
      throw new MisuseError(`The SOCKS5 negotiation takes no bytes in state "${this.#state}".`);
    }
    return this.#advance(this.#unparsed.length === 0 ? bytes : Buffer.concat([this.#unparsed, bytes]), []);
  }

  /**
   * The answer to `login`: whose credentials these are, or undefined if they are wrong.
   *
   * @throws MisuseError when no login waits for an answer.
   */
  answerLogin(user: string | undefined): NegotiationAction[] {
    this.#user = user;
    if (user === undefined) {
      const refused = refuse('badCredentials', 'wrong user name or password', AUTHENTICATION_FAILED);
      return this.#advance(new Uint8Array(0), [this.#take(refused)]);
    }
    const accepted = Uint8Array.of(AUTHENTICATION_VERSION, 0x00);
    const step: Step = { event: 'authenticated', usedBytes: 0, action: { kind: 'send', bytes: accepted } };
    return this.#advance(this.#unparsed, [this.#take(step)]);
  }

  /** Parses as far as the bytes go. @param actions what is to be done before */
  #advance(bytes: Uint8Array, actions: NegotiationAction[]): NegotiationAction[] {
    let rest = bytes;
    for (let step = this.#parse(rest); step !== undefined; step = this.#parse(rest)) {
      rest = rest.subarray(step.usedBytes);
      actions.push(this.#take(step));
    }
    const over = this.#state === 'requested' || this.#state === 'failed';
    this.#unparsed = over ? new Uint8Array(0) : new Uint8Array(rest);
    return actions;
  }

  #take({ event, action }: Step): NegotiationAction {
    this.#state = nextState(this.#state, event);
    return action;
  }

  #parse(bytes: Uint8Array): Step | undefined {
    if (bytes.length === 0) return undefined;
    switch (this.#state) {
      case 'greeting':
        return this.#parseGreeting(bytes);
      case 'authentication':
        return this.#parseAuthentication(bytes);
      case 'request':
        return this.#parseRequest(bytes);
      case 'checking':
      case 'requested':
      case 'failed':
        return undefined;
    }
  }

  #parseGreeting(bytes: Uint8Array): Step | undefined {
    if (bytes[0] !== SOCKS_VERSION) {
      const foreign = recogniseForeignProtocol(bytes);
      return foreign && refuse(foreign.reason, foreign.detail, foreign.answer);
    }
    if (bytes.length < 2) return undefined;
    const usedBytes = 2 + bytes[1]!;
    if (bytes.length < usedBytes) return undefined;
    const method = this.#asksForLogin ? METHOD.password : METHOD.noAuthentication;
    if (!bytes.subarray(2, usedBytes).includes(method)) {
      const detail = this.#asksForLogin
        ? 'the client offers no user name and password; set them in the application'
        : 'the client insists on authentication but no users are configured; configure some, or remove the credentials from the application';
      return refuse('noAcceptableMethod', detail, Uint8Array.of(SOCKS_VERSION, METHOD.noneAcceptable));
    }
    return {
      event: method === METHOD.password ? 'passwordChosen' : 'noAuthenticationChosen',
      usedBytes,
      action: method === METHOD.password ? CHOOSE_PASSWORD : CHOOSE_NONE,
    };
  }

  #parseAuthentication(bytes: Uint8Array): Step | undefined {
    if (bytes[0] !== AUTHENTICATION_VERSION) {
      return refuse('badVersion', `authentication version ${bytes[0]}, expected 1`, AUTHENTICATION_FAILED);
    }
    if (bytes.length < 2) return undefined;
    const nameEnd = 2 + bytes[1]!;
    if (bytes.length <= nameEnd) return undefined;
    const usedBytes = nameEnd + 1 + bytes[nameEnd]!;
    if (bytes.length < usedBytes) return undefined;
    const name = new Uint8Array(bytes.subarray(2, nameEnd));
    const password = new Uint8Array(bytes.subarray(nameEnd + 1, usedBytes));
    return { event: 'loginGiven', usedBytes, action: { kind: 'login', name, password } };
  }

  #parseRequest(bytes: Uint8Array): Step | undefined {
    if (bytes[0] !== SOCKS_VERSION) {
      return refuse('badVersion', `the request has version ${bytes[0]}, expected 5`, NOTHING_MORE);
    }
    if (bytes.length < 4) return undefined;
    // The reserved byte (2) is not checked: some clients leave rubbish in it, and it means nothing.
    const [, command, , addressType] = bytes;
    const lookup = LOOKUPS[command!];
    if (command !== COMMAND_CONNECT && lookup === undefined) {
      const detail = `command ${COMMAND_NAMES[command!] ?? command} is not supported, only CONNECT and RESOLVE are`;
      return refuse('unsupportedCommand', detail, encodeReply(SOCKS_REPLY.commandNotSupported));
    }
    const addressStart = addressType === ADDRESS_TYPE.domain ? 5 : 4;
    if (bytes.length < addressStart) return undefined;
    const addressBytes = addressType === ADDRESS_TYPE.domain ? bytes[4]! : ADDRESS_BYTES[addressType!];
    if (addressBytes === undefined) {
      const detail = `address type ${addressType} is not supported`;
      return refuse('unsupportedAddressType', detail, encodeReply(SOCKS_REPLY.addressTypeNotSupported));
    }
    const usedBytes = addressStart + addressBytes + 2;
    if (bytes.length < usedBytes) return undefined;
    const address = bytes.subarray(addressStart, addressStart + addressBytes);
    const port = bytes[usedBytes - 2]! * 256 + bytes[usedBytes - 1]!;
    const field =
      addressType === ADDRESS_TYPE.domain
        ? hostFromDomainField(address)
        : { host: hostFromAddressBytes(address) };
    // RFC 1928 has no reply for a malformed destination. A name that cannot exist is answered like one that
    // does not exist: host unreachable.
    if ('problem' in field) {
      return refuse('badDestination', field.problem, encodeReply(SOCKS_REPLY.hostUnreachable));
    }
    // Port 0 is reserved (RFC 6335 section 6) and says nothing about the host: general failure.
    if (lookup === 'name' && isIP(field.host) === 0) {
      return refuse(
        'badDestination',
        'the name of a name is wanted',
        encodeReply(SOCKS_REPLY.hostUnreachable),
      );
    }
    if (port === 0 && lookup === undefined) {
      return refuse('badDestination', 'the port is 0', encodeReply(SOCKS_REPLY.generalFailure));
    }
    return {
      event: 'accepted',
      usedBytes,
      action: {
        kind: 'request',
        destination: { host: field.host, port: lookup === undefined ? port : 0 },
        lookup,
        user: this.#user,
        // Not `slice`: a Buffer's is a view.
        earlyData: new Uint8Array(bytes.subarray(usedBytes)),
      },
    };
  }
}

/** RFC 1928 section 3. */
const SOCKS_VERSION = 0x05;
const METHOD = { noAuthentication: 0x00, password: 0x02, noneAcceptable: 0xff } as const;

const CHOOSE_PASSWORD: NegotiationAction = { kind: 'send', bytes: Buffer.of(SOCKS_VERSION, METHOD.password) };
const CHOOSE_NONE: NegotiationAction = {
  kind: 'send',
  bytes: Buffer.of(SOCKS_VERSION, METHOD.noAuthentication),
};

/** RFC 1929 section 2; any status but 0 is a failure. */
const AUTHENTICATION_VERSION = 0x01;
const AUTHENTICATION_FAILED = Uint8Array.of(AUTHENTICATION_VERSION, 0x01);

/** Closes with what was answered before, and nothing else. */
const NOTHING_MORE = new Uint8Array(0);

/** RFC 1928 section 4. */
const COMMAND_CONNECT = 0x01;
/** Of Tor (socks-extensions.txt): RESOLVE and RESOLVE_PTR. */
const LOOKUPS: Readonly<Record<number, Lookup>> = { 240: 'address', 241: 'name' };
const COMMAND_NAMES: Readonly<Record<number, string>> = { 2: 'BIND', 3: 'UDP ASSOCIATE' };

/** RFC 1928 section 5. */
const ADDRESS_TYPE = { ipv4: 0x01, domain: 0x03, ipv6: 0x04 } as const;
const ADDRESS_BYTES: Readonly<Record<number, number>> = { [ADDRESS_TYPE.ipv4]: 4, [ADDRESS_TYPE.ipv6]: 16 };

type State = 'greeting' | 'authentication' | 'checking' | 'request' | 'requested' | 'failed';
type Event =
  | 'noAuthenticationChosen'
  | 'passwordChosen'
  | 'loginGiven'
  | 'authenticated'
  | 'accepted'
  | 'refused';

const TRANSITIONS: Readonly<Record<State, Readonly<Partial<Record<Event, State>>>>> = {
  greeting: { noAuthenticationChosen: 'request', passwordChosen: 'authentication', refused: 'failed' },
  authentication: { loginGiven: 'checking', refused: 'failed' },
  checking: { authenticated: 'request', refused: 'failed' },
  request: { accepted: 'requested', refused: 'failed' },
  requested: {},
  failed: {},
};

function nextState(state: State, event: Event): State {
  const next = TRANSITIONS[state][event];
  if (next === undefined) throw new MisuseError(`SOCKS5 negotiation: no "${event}" in state "${state}".`);
  return next;
}

interface Step {
  readonly event: Event;
  readonly usedBytes: number;
  readonly action: NegotiationAction;
}

function refuse(reason: NegotiationFailure, detail: string, farewell: Uint8Array | undefined): Step {
  return { event: 'refused', usedBytes: 0, action: { kind: 'failure', reason, detail, farewell } };
}
