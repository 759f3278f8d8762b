import { isIP } from 'node:net';
import { MisuseError, SOCKS_REPLY, type SocksReply } from '../../shared/protocol/errors.ts';
import type { Lookup } from '../front/connect-request.ts';
import type { RequestCommand } from '../front/front-protocol.ts';
import type {
  MessageNegotiation,
  NegotiationAction,
  NegotiationFailure,
} from '../front/message-negotiation.ts';
import { type AddressField, readAddressField } from './address-field.ts';
import { encodeReply } from './replies.ts';

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
export class Negotiation implements MessageNegotiation {
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
    this.#unparsed = over || rest.length === 0 ? NOTHING_MORE : new Uint8Array(rest);
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
      return refuse('badVersion', `the greeting has version ${bytes[0]}, expected 5`, undefined);
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
    const command = COMMANDS[bytes[1]!];
    if (command === undefined) {
      const detail = `command ${bytes[1]} is not supported, only CONNECT, BIND, UDP ASSOCIATE and RESOLVE are`;
      return refuse('unsupportedCommand', detail, encodeReply(SOCKS_REPLY.commandNotSupported));
    }
    const field = readAddressField(bytes, 3);
    if (field === 'more') return undefined;
    if (field === 'unknownType') {
      const detail = `address type ${bytes[3]} is not supported`;
      return refuse('unsupportedAddressType', detail, encodeReply(SOCKS_REPLY.addressTypeNotSupported));
    }
    const host = hostFor(command, field);
    if (typeof host !== 'string') return host;
    return {
      event: 'accepted',
      usedBytes: field.end,
      action: {
        kind: 'request',
        command: command.name,
        destination: { host, port: command.lookup === undefined ? field.port : 0 },
        lookup: command.lookup,
        user: this.#user,
        // Not `slice`: a Buffer's is a view.
        earlyData: bytes.length === field.end ? NOTHING_MORE : new Uint8Array(bytes.subarray(field.end)),
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

interface Command {
  readonly name: RequestCommand;
  readonly lookup?: Lookup;
}

/** RFC 1928 section 4, and of Tor (socks-extensions.txt) RESOLVE and RESOLVE_PTR. */
const COMMANDS: Readonly<Record<number, Command>> = {
  1: { name: 'connect' },
  2: { name: 'bind' },
  3: { name: 'associate' },
  240: { name: 'connect', lookup: 'address' },
  241: { name: 'connect', lookup: 'name' },
};

/** The host that a request names, or why there is no such request. RFC 1928 has no reply for a malformed destination. */
function hostFor({ name, lookup }: Command, { host: field, port }: AddressField): string | Step {
  const fail = (detail: string, reply: SocksReply) => refuse('badDestination', detail, encodeReply(reply));
  if ('problem' in field) {
    // Where it will send from, the client need not know.
    if (name === 'associate') return UNSPECIFIED;
    // A name that cannot exist is answered like one that does not exist.
    return fail(field.problem, SOCKS_REPLY.hostUnreachable);
  }
  if (lookup === 'name' && isIP(field.host) === 0) {
    return fail('the name of a name is wanted', SOCKS_REPLY.hostUnreachable);
  }
  // Port 0 is reserved (RFC 6335 section 6) and says nothing about the host.
  const wantsPort = name === 'connect' && lookup === undefined;
  return port === 0 && wantsPort ? fail('the port is 0', SOCKS_REPLY.generalFailure) : field.host;
}

const UNSPECIFIED = '0.0.0.0';

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
