import type { Destination } from '../../shared/protocol/destination.ts';
import { TributaryError } from '../../shared/protocol/errors.ts';
import { Cancellation, type CancelSignal } from '../../shared/runtime/async/cancellation.ts';
import type { SubflowTransport } from '../../shared/runtime/subflow/subflow-transport.ts';
import type { PathTarget } from './paths.ts';
import type { AddressChoice, Reached } from './reach.ts';

/** What an attempt needs of the session whose subflows are dialled. */
export interface DialHost {
  /** Connects to one of the targets and proves the other end. */
  reach(targets: readonly PathTarget[], choice: AddressChoice, signal: CancelSignal): Promise<Reached>;
  /**
   * Brings the transport into the session, in place of the silent subflow `replaced`; resolves to the subflow's id. Where it
   * rejects the transport is closed.
   */
  admit(transport: SubflowTransport, address: Destination, replaced: number | undefined): Promise<number>;
}

/** The connection was made before it was known what a further subflow's needs: another must be made in its place, at once. */
export class DialledTooEarly extends TributaryError {
  constructor() {
    super('cancelled', 'the connection was made without the server name that the session needs', 'ours');
  }
}

/** A subflow that an attempt has brought up. */
export interface DialledSubflow {
  readonly id: number;
  readonly address: Destination;
  /** The silent subflow whose place it has taken. It is the same one where that has come back meanwhile. */
  readonly replaced: number | undefined;
}

/** One attempt to bring up a subflow: it connects, and then enters the session. */
export class DialAttempt {
  readonly #host: DialHost;
  readonly #cancellation = new Cancellation();
  #isConnecting = true;
  /** What is connected, while it waits for its place in the session. */
  #entering: SubflowTransport | undefined;

  constructor(host: DialHost) {
    this.#host = host;
  }

  /**
   * Resolves to undefined when it was given up while it connected. Rejects when it fails.
   * @param replaced asked once it is connected
   */
  async run(
    targets: readonly PathTarget[],
    choice: AddressChoice,
    replaced: () => number | undefined,
  ): Promise<DialledSubflow | undefined> {
    for (let isFirst = true; ; isFirst = false) {
      const { transport, address } = await this.#connect(targets, choice);
      if (this.isGivenUp) {
        transport.destroy();
        return undefined;
      }
      try {
        return await this.#enter(transport, address, replaced());
      } catch (error) {
        if (!isFirst || !(error instanceof DialledTooEarly)) throw error;
      }
    }
  }

  /** Whether nobody waits for it any more, however it ends. */
  get isGivenUp(): boolean {
    return this.#cancellation.aborted;
  }

  /** It is not wanted any more; what is connected is carried through. */
  giveUp(): void {
    if (this.#isConnecting) this.#cancellation.abort();
  }

  /** The network that it stands on is gone; once it is connected, only if it is bound to one of these addresses, where given. */
  loseNetwork(addresses: ReadonlySet<string> | undefined): void {
    this.giveUp();
    const transport = this.#entering;
    if (transport === undefined || addresses?.has(transport.localAddress) === false) return;
    this.#cancellation.abort();
    transport.destroy();
  }

  async #connect(targets: readonly PathTarget[], choice: AddressChoice): Promise<Reached> {
    this.#isConnecting = true;
    try {
      return await this.#host.reach(targets, choice, this.#cancellation);
    } finally {
      this.#isConnecting = false;
    }
  }

  async #enter(
    transport: SubflowTransport,
    address: Destination,
    replaced: number | undefined,
  ): Promise<DialledSubflow> {
    this.#entering = transport;
    try {
      return { id: await this.#host.admit(transport, address, replaced), address, replaced };
    } catch (error) {
      transport.destroy();
      throw error;
    } finally {
      this.#entering = undefined;
    }
  }
}
