import { FOUNDING_BYTES } from '../../shared/protocol/codec/wire.ts';
import type { HandshakeCrypto } from '../../shared/protocol/handshake/crypto.ts';
import type { Founding } from '../../shared/protocol/handshake/messages.ts';
import { CONNECTION_ATTEMPT_DELAY_MS } from '../../shared/runtime/tcp/happy-eyeballs.ts';

/**
 * The HELLOs that begin one session. As with dials, the next one does not wait for the answer to the last for longer than a
 * moment: an uplink that swallows it must not hold up the others.
 */
export class Greetings {
  readonly #id: Uint8Array;
  #said = 0;
  #underWay = 0;
  #isNextDue = true;
  #timer: NodeJS.Timeout | undefined;
  readonly #waiting = new Set<() => void>();

  constructor(crypto: Pick<HandshakeCrypto, 'randomBytes'>) {
    this.#id = crypto.randomBytes(FOUNDING_BYTES);
  }

  /** How many there were; their subflows have the ids below. */
  get said(): number {
    return this.#said;
  }

  /** Whether another may be said: none is under way, or the last is late. */
  get isNextDue(): boolean {
    return this.#isNextDue;
  }

  /** Resolves when another may be said, one has been answered, or `wake` is called. */
  change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.add(resolve));
  }

  /** Another is said. `end` is due when it is answered, or has failed. */
  begin(): { readonly founding: Founding; end(): void } {
    const founding = { id: this.#id, subflowId: this.#said++ };
    this.#underWay++;
    this.#isNextDue = false;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#makeDue(), CONNECTION_ATTEMPT_DELAY_MS);
    const end = () => {
      if (--this.#underWay === 0) this.#makeDue();
      else this.wake();
    };
    return { founding, end };
  }

  /** All that wait look again. */
  wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }

  #makeDue(): void {
    clearTimeout(this.#timer);
    this.#isNextDue = true;
    this.wake();
  }
}
