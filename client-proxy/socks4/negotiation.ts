import { MisuseError } from '../../shared/protocol/errors.ts';
import type {
  MessageNegotiation,
  NegotiationAction,
  NegotiationFailure,
} from '../front/message-negotiation.ts';
import { hostFromAddressBytes, hostFromDomainField } from '../front/requested-host.ts';
import { encodeSocks4Reply, SOCKS4_REPLY } from './replies.ts';

/**
 * The server's side of a SOCKS4 or 4a negotiation, without sockets: bytes in, in pieces of any size, actions out.
 *
 *     client                                              server
 *     04 01 port address user-id... 00               ──►
 *     04 01 port 0.0.0.x user-id... 00 name... 00    ──►                    (4a, x is not 0)
 *     04 f0 port 0.0.0.x user-id... 00 name... 00    ──►                    (RESOLVE, of Tor's socks-extensions.txt)
 *                                                    ◄──  00 reply port address
 *
 * The user id proves nothing: it is read and dropped. What it keeps between calls is an unfinished request, at most 520 bytes.
 */
export class Socks4Negotiation implements MessageNegotiation {
  readonly #asksForLogin: boolean;
  #unparsed: Uint8Array = new Uint8Array(0);
  #isOver = false;

  /** @param asksForLogin whether users are configured, so that every client has to be refused */
  constructor(asksForLogin: boolean) {
    this.#asksForLogin = asksForLogin;
  }

  receive(bytes: Uint8Array): NegotiationAction[] {
    if (this.#isOver) throw new MisuseError('The SOCKS4 negotiation is over and takes no bytes.');
    const all = this.#unparsed.length === 0 ? bytes : Buffer.concat([this.#unparsed, bytes]);
    const action = this.#parse(all);
    this.#isOver = action !== undefined;
    this.#unparsed = this.#isOver ? new Uint8Array(0) : new Uint8Array(all);
    return action === undefined ? [] : [action];
  }

  /** @throws MisuseError always: SOCKS4 has no login */
  answerLogin(): NegotiationAction[] {
    throw new MisuseError('SOCKS4 has no login.');
  }

  #parse(bytes: Uint8Array): NegotiationAction | undefined {
    if (bytes.length >= 1 && bytes[0] !== VERSION) {
      return refuse('badVersion', `the request has version ${bytes[0]}, expected 4`);
    }
    if (this.#asksForLogin && bytes.length >= 1)
      return refuse('noAcceptableMethod', NO_PASSWORDS, REFUSED_USER);
    const isLookup = bytes[1] === COMMAND_RESOLVE;
    if (bytes.length >= 2 && bytes[1] !== COMMAND_CONNECT && !isLookup) {
      const command = bytes[1] === COMMAND_BIND ? 'BIND' : bytes[1];
      return refuse(
        'unsupportedCommand',
        `command ${command} is not supported, only CONNECT and RESOLVE are`,
      );
    }
    const user = fieldAt(bytes, FIXED_BYTES, 'user id');
    if (user === undefined || user.kind === 'failure') return user;
    const port = bytes[2]! * 256 + bytes[3]!;
    const address = bytes.subarray(4, FIXED_BYTES);
    const isNamed = address[0] === 0 && address[1] === 0 && address[2] === 0 && address[3] !== 0;
    const last = isNamed ? fieldAt(bytes, user.endsAt, 'domain name') : user;
    if (last === undefined || last.kind === 'failure') return last;
    const field = isNamed ? hostFromDomainField(last.bytes) : { host: hostFromAddressBytes(address) };
    if ('problem' in field) return refuse('badDestination', field.problem);
    if (port === 0 && !isLookup) return refuse('badDestination', 'the port is 0');
    return {
      kind: 'request',
      command: 'connect',
      destination: { host: field.host, port: isLookup ? 0 : port },
      lookup: isLookup ? 'ipv4' : undefined,
      user: undefined,
      // Not `slice`: a Buffer's is a view.
      earlyData: new Uint8Array(bytes.subarray(last.endsAt)),
    };
  }
}

const VERSION = 0x04;
const COMMAND_CONNECT = 0x01;
const COMMAND_BIND = 0x02;
const COMMAND_RESOLVE = 0xf0;
/** Version, command, port, address. */
const FIXED_BYTES = 8;
/** What SOCKS5 has room for; no longer user id is known to be sent. */
const MAX_FIELD_BYTES = 255;

const FAILED = encodeSocks4Reply(SOCKS4_REPLY.failed);
const REFUSED_USER = encodeSocks4Reply(SOCKS4_REPLY.refusedUser);
const NO_PASSWORDS =
  'the client speaks SOCKS4, which has no passwords, and users are configured; set it to SOCKS5 (socks5h:// where it takes a URL) or HTTP';

type Refusal = Extract<NegotiationAction, { kind: 'failure' }>;
type Field = { readonly kind: 'field'; readonly bytes: Uint8Array; readonly endsAt: number };

/** The field that begins there and ends with a zero byte; undefined while it has no end. */
function fieldAt(bytes: Uint8Array, start: number, what: string): Field | Refusal | undefined {
  const end = bytes.length > start ? bytes.indexOf(0, start) : -1;
  const length = (end < 0 ? bytes.length : end) - start;
  if (length > MAX_FIELD_BYTES) {
    return refuse('badDestination', `the ${what} is longer than ${MAX_FIELD_BYTES} bytes`);
  }
  return end < 0 ? undefined : { kind: 'field', bytes: bytes.subarray(start, end), endsAt: end + 1 };
}

function refuse(reason: NegotiationFailure, detail: string, farewell = FAILED): Refusal {
  return { kind: 'failure', reason, detail, farewell };
}
