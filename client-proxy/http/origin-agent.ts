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
  /** The same object for all requests of a client's connection. */
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

/** A connection that waits. */
interface Idle {
  readonly client: ClientAddresses;
  readonly timer: NodeJS.Timeout;
}

/**
 * Connects requests with their origins: each connection is a `ConnectRequest`, so that the rules hold for it. With `keepAlive`
 * one may serve several requests, of the same user to the same origin.
 *
 * Never those of two connections of clients: NTLM and Negotiate log a whole connection in (RFC 4559 section 6), so that who came
 * next would be taken for the one before.
 */
export class OriginAgent extends Agent {
  readonly #onRequest: (request: ConnectRequest) => void;
  readonly #idle = new Map<Duplex, Idle>();
  /** Those that were made by the rules of now, and for whom. */
  #current = new WeakMap<Duplex, ClientAddresses>();
  /** What tells connections of clients apart in a name. */
  readonly #clientIds = new WeakMap<ClientAddresses, number>();
  #lastClientId = 0;

  constructor(options: Pick<AgentOptions, 'keepAlive'>, onRequest: (request: ConnectRequest) => void) {
    super({ ...options, scheduling: 'lifo' });
    this.#onRequest = onRequest;
  }

  /** No connection that there is serves another request: the next ones are judged anew. */
  renew(): void {
    this.#current = new WeakMap();
    for (const stream of this.#idle.keys()) stream.destroy();
  }

  /** A client's connection is gone: nobody else gets the connections that were its own. */
  leave(client: ClientAddresses): void {
    for (const [stream, idle] of this.#idle) if (idle.client === client) stream.destroy();
  }

  override getName(options?: ClientRequestArgs): string {
    const { user, destination, client } = (options as OriginOptions).asked;
    return JSON.stringify([
      this.#idOf(client),
      user ?? null,
      destination.host.toLowerCase(),
      destination.port,
    ]);
  }

  override createConnection(
    options: ClientRequestArgs,
    onCreated?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    const { destination, user, client, onConnecting } = (options as OriginOptions).asked;
    const stream = new OriginStream(client);
    stream.once('close', () => this.#leaveIdle(stream));
    this.#current.set(stream, client);
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
    const client = this.#current.get(stream);
    if (client === undefined || this.#idle.size >= MAX_IDLE) return false;
    this.#idle.set(stream, { client, timer: setTimeout(() => stream.destroy(), IDLE_MS) });
    return true;
  }

  override reuseSocket(stream: Duplex, request: ClientRequest): void {
    super.reuseSocket(stream, request);
    this.#leaveIdle(stream);
  }

  #idOf(client: ClientAddresses): number {
    const id = this.#clientIds.get(client) ?? ++this.#lastClientId;
    this.#clientIds.set(client, id);
    return id;
  }

  #leaveIdle(stream: Duplex): void {
    clearTimeout(this.#idle.get(stream)?.timer);
    this.#idle.delete(stream);
  }
}
