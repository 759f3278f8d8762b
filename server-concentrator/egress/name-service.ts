import { isIP } from 'node:net';
import {
  decodeNameQuestion,
  encodeNameAnswer,
  MAX_QUESTION_BYTES,
  type NameAnswer,
  type NameQuestion,
} from '../../shared/protocol/codec/name-question.ts';
import { StreamError, TributaryError } from '../../shared/protocol/errors.ts';
import type { AppSocket } from '../../shared/runtime/app/app-socket.ts';
import { MessageSocket } from '../../shared/runtime/app/message-socket.ts';
import { Cancellation, type CancelSignal } from '../../shared/runtime/async/cancellation.ts';
import type { NameResolver } from '../../shared/runtime/dns/resolver.ts';
import type { EgressPolicy } from './egress-policy.ts';
import { normalizeHost } from './host-name.ts';

/** No rule for a port holds for a question. */
const NO_PORT = 0;

/**
 * Answers clients that ask for the addresses of a name or the names of an address (SPEC.md section 6, Names). They are told of no
 * address that they could not connect to, and names are looked up in the places that dials have for it.
 */
export class NameService {
  readonly #resolver: NameResolver;

  constructor(resolver: NameResolver) {
    this.#resolver = resolver;
  }

  /** The other end of a client's stream that asks: in place of an origin's connection. */
  open(clientId: string, policy: EgressPolicy): AppSocket {
    const gone = new Cancellation();
    let isAsked = false;
    const socket = new MessageSocket({
      maxBytes: MAX_QUESTION_BYTES,
      onBytes: (bytes, hasEnded) => {
        if (isAsked) return;
        const question = read(bytes);
        if (question === undefined && !hasEnded) return;
        isAsked = true;
        const answer = question
          ? this.#answer(question, { policy, signal: gone, asker: clientId })
          : MALFORMED;
        void answer.then((found) => socket.say(encodeNameAnswer(found)));
      },
      onClosed: () => gone.abort(),
    });
    return socket;
  }

  async #answer({ wants, of }: NameQuestion, asking: Asking): Promise<NameAnswer> {
    try {
      return {
        values: await (wants === 'addresses' ? this.#addresses(of, asking) : this.#names(of, asking)),
      };
    } catch (error) {
      return { error: error instanceof TributaryError ? error.code : 'internalError' };
    }
  }

  async #addresses(of: string, { policy, signal, asker }: Asking): Promise<readonly string[]> {
    const name = normalizeHost(of);
    if (name === undefined) throw new StreamError('nameNotFound', 'not a name');
    if (!policy.checkHost(name, NO_PORT).allowed) throw refused();
    const found = isIP(name) === 0 ? await this.#resolver.resolve(name, signal, asker) : [name];
    const permitted = found.filter((address) => policy.checkAddress(address, NO_PORT, name).allowed);
    if (permitted.length === 0) throw refused();
    return permitted;
  }

  async #names(address: string, { policy, signal, asker }: Asking): Promise<readonly string[]> {
    if (isIP(address) === 0) throw new StreamError('nameNotFound', 'not an address');
    if (!policy.checkAddress(address, NO_PORT).allowed) throw refused();
    return this.#resolver.namesOf(address, signal, asker);
  }
}

/** Who asks, under which policy, and whether still. */
interface Asking {
  readonly policy: EgressPolicy;
  readonly signal: CancelSignal;
  readonly asker: string;
}

const MALFORMED: Promise<NameAnswer> = Promise.resolve({ error: 'malformedMessage' });

/** The question, if it is whole; one that cannot be read never is. */
function read(bytes: Uint8Array): NameQuestion | undefined {
  try {
    return decodeNameQuestion(bytes);
  } catch {
    return undefined;
  }
}

function refused(): StreamError {
  return new StreamError('notAuthorized', 'not permitted by the egress policy');
}
