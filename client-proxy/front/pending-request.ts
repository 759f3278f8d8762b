import { type Destination, formatDestination } from '../../shared/protocol/destination.ts';
import { MisuseError } from '../../shared/protocol/errors.ts';

/** A request of an application, which is answered once, or not at all where the application leaves before. */
export class PendingRequest {
  readonly #destination: Destination;
  #state: 'pending' | 'answered' | 'abandoned' = 'pending';
  #onAbandoned: (() => void) | undefined;

  /** @param destination for messages */
  constructor(destination: Destination) {
    this.#destination = destination;
  }

  /**
   * To be asked before each answer. False when the application has left: then an answer comes too late, through no fault of the
   * caller.
   *
   * @throws MisuseError when it is answered already
   */
  takeAnswer(): boolean {
    if (this.#state === 'abandoned') return false;
    if (this.#state === 'answered') {
      throw new MisuseError(`The request for ${formatDestination(this.#destination)} was answered twice.`);
    }
    this.#state = 'answered';
    return true;
  }

  /** As `ConnectRequest.onAbandoned`. */
  onAbandoned(callback: () => void): void {
    this.#onAbandoned = callback;
    if (this.#state === 'abandoned') this.#tell();
  }

  /** The application has left. Nothing happens where it has its answer. */
  abandon(): void {
    if (this.#state !== 'pending') return;
    this.#state = 'abandoned';
    this.#tell();
  }

  #tell(): void {
    const callback = this.#onAbandoned;
    this.#onAbandoned = undefined;
    callback?.();
  }
}
