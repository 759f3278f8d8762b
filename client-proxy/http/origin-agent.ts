import { Agent, type AgentOptions, type ClientRequest, type ClientRequestArgs } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Destination } from '../../shared/protocol/destination.ts';
import { type ErrorName, StreamError } from '../../shared/protocol/errors.ts';
import type { ConnectRequest } from '../front/connect-request.ts';
import { type ClientAddresses, OriginStream } from './origin-stream.ts';

/** For whom an exchange with an origin is made. */
export interface OriginAsked {
  readonly destination: Destination;
  readonly user: string | undefined;
  readonly client: ClientAddresses;
  /** A connection is being made; `abandon` says that nobody wants it any more. */
  onConnecting(abandon: () => void): void;
}

/** What a request passes to its agent, besides what Node's own do. */
interface OriginOptions extends ClientRequestArgs {
  readonly asked: OriginAsked;
}

/** Connections that wait for a next request; each is a stream at the concentrator. */
const MAX_IDLE = 64;
/**
 * How long one waits. Shorter than origins wait as a rule (Apache and Node 5 s, nginx 75 s), since a request that meets their
 * FIN has to begin again.
 */
const IDLE_MS = 4_000;

/**
 * Connects requests with their origins: each connection is a `ConnectRequest`, so that the rules hold for it. With `keepAlive`
 * one may serve several requests, of the same user to the same origin.
 */
export class OriginAgent extends Agent {
  readonly #onRequest: (request: ConnectRequest) => void;
  /** By connection, what ends its wait. */
  readonly #idle = new Map<Duplex, NodeJS.Timeout>();
  /** Those that were made by the rules of now. */
  #current = new WeakSet<Duplex>();

  constructor(options: Pick<AgentOptions, 'keepAlive'>, onRequest: (request: ConnectRequest) => void) {
    super({ ...options, scheduling: 'lifo' });
    this.#onRequest = onRequest;
  }

  /** No connection that there is serves another request: the next ones are judged anew. */
  renew(): void {
    this.#current = new WeakSet();
    for (const stream of this.#idle.keys()) stream.destroy();
  }

  override getName(options?: ClientRequestArgs): string {
    const { user, destination } = (options as OriginOptions).asked;
    return JSON.stringify([user ?? null, destination.host.toLowerCase(), destination.port]);
  }

  override createConnection(
    options: ClientRequestArgs,
    onCreated?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    const { destination, user, client, onConnecting } = (options as OriginOptions).asked;
    const stream = new OriginStream(client);
    stream.once('close', () => this.#leaveIdle(stream));
    this.#current.add(stream);
    const fail = (error: ErrorName, when: string) => {
      const cause = new StreamError(error, `no connection to the origin${when}: ${error}`);
      if (!stream.destroyed) stream.destroy(cause);
      return cause;
    };
    let onAbandoned = () => {};
    onConnecting(() => onAbandoned());
    this.#onRequest({
      destination,
      ...(user === undefined ? {} : { user }),
      earlyData: [],
      socket: stream.relayEnd,
      succeed: () => onCreated?.(null, stream),
      fail: (error) => onCreated?.(fail(error, ''), stream),
      onFailedLate: (error) => void fail(error, ' after all'),
      onAbandoned: (callback) => {
        onAbandoned = callback;
      },
    });
  }

  override keepSocketAlive(stream: Duplex): boolean {
    if (this.#idle.size >= MAX_IDLE || !this.#current.has(stream)) return false;
    this.#idle.set(
      stream,
      setTimeout(() => stream.destroy(), IDLE_MS),
    );
    return true;
  }

  override reuseSocket(stream: Duplex, request: ClientRequest): void {
    super.reuseSocket(stream, request);
    this.#leaveIdle(stream);
  }

  #leaveIdle(stream: Duplex): void {
    clearTimeout(this.#idle.get(stream));
    this.#idle.delete(stream);
  }
}
