import type { NameQuestion } from '../../shared/protocol/codec/name-question.ts';
import type { Destination } from '../../shared/protocol/destination.ts';
import { type ErrorName, TributaryError } from '../../shared/protocol/errors.ts';
import { PassingSet } from '../../shared/protocol/passing-set.ts';
import type { CarriedBytes } from '../../shared/protocol/uplink/carried-bytes.ts';
import { Cancellation, type CancelSignal } from '../../shared/runtime/async/cancellation.ts';
import type { WallClock } from '../../shared/runtime/clock.ts';
import type { ConnectRequest } from '../front/connect-request.ts';
import { answerLookup, questionOf } from '../front/name-requests.ts';
import type { DirectChoice } from '../steering/datagram-decision.ts';
import { askedBy, type SteeredRequest } from '../steering/steered-streams.ts';
import type { DirectFlows } from './balance/direct-flows.ts';
import type { DirectConnections } from './direct-connections.ts';
import { relaySockets } from './socket-relay.ts';
import type { DirectConnection } from './uplink-race.ts';

/** How a request goes past the concentrator: over one uplink, or over one of several. Both reject with TributaryError. */
export interface DirectWay {
  dial(destination: Destination, signal: CancelSignal): Promise<DirectConnection>;
  /** What name servers know. */
  resolve(question: NameQuestion, signal: CancelSignal): Promise<readonly string[]>;
}

export interface DirectOpenerOptions {
  readonly connections: DirectConnections;
  readonly flows: Pick<DirectFlows, 'begin'>;
  readonly wallClock: WallClock;
  /** How an opening ended. */
  onResult(result: 'ok' | ErrorName): void;
  /** How a lookup was answered. */
  onLookedUp(result: 'ok' | ErrorName): void;
}

/** A request whose direct connection is open. */
export interface RelayedRequest {
  readonly request: SteeredRequest;
  readonly choice: DirectChoice;
  readonly carried: CarriedBytes;
  /** Milliseconds since 1970. */
  readonly sinceMs: number;
}

/** Those that are open. */
export interface RelayedRequests {
  readonly relayed: Iterable<RelayedRequest>;
}

/** Connects requests of applications past the concentrator and relays them. */
export class DirectOpener implements RelayedRequests {
  readonly #options: DirectOpenerOptions;
  readonly #relayed = new PassingSet<RelayedRequest>();

  constructor(options: DirectOpenerOptions) {
    this.#options = options;
  }

  /** Those that are open: as many as there are direct connections. */
  get relayed(): Iterable<RelayedRequest> {
    return this.#relayed;
  }

  /**
   * Answers the request in any case. Never rejects.
   * @param onFailed told why there is no connection, unless the application has gone or this program is at fault
   */
  async open(
    request: ConnectRequest,
    way: DirectWay,
    choice: DirectChoice,
    onFailed: (error: TributaryError) => void,
  ): Promise<void> {
    if (request.lookup !== undefined) return this.#lookUp(request, way, onFailed);
    const { onResult } = this.#options;
    const abandoned = new Cancellation();
    request.onAbandoned(() => abandoned.abort());
    try {
      const connection = await way.dial(request.destination, abandoned);
      if (abandoned.aborted) {
        connection.origin.destroy('reset');
        onResult('cancelled');
        return;
      }
      onResult('ok');
      this.#relay(request, connection, choice);
    } catch (error) {
      const known = error instanceof TributaryError ? error : undefined;
      const name = known?.code ?? 'internalError';
      onResult(name);
      if (known !== undefined) onFailed(known);
      request.fail(name);
    }
  }

  async #lookUp(
    request: ConnectRequest,
    way: DirectWay,
    onFailed: (error: TributaryError) => void,
  ): Promise<void> {
    const { onLookedUp } = this.#options;
    const abandoned = new Cancellation();
    request.onAbandoned(() => abandoned.abort());
    try {
      const values = await way.resolve(questionOf(request), abandoned);
      onLookedUp(answerLookup(request, { values }));
    } catch (error) {
      const known = error instanceof TributaryError ? error : undefined;
      if (known !== undefined && !abandoned.aborted) onFailed(known);
      onLookedUp(answerLookup(request, { error: known?.code ?? 'internalError' }));
    }
  }

  #relay(request: ConnectRequest, { uplinkName, origin }: DirectConnection, choice: DirectChoice): void {
    const { connections, flows, wallClock } = this.#options;
    const flow = flows.begin(uplinkName);
    const relayed = { request: askedBy(request), choice, carried: flow, sinceMs: wallClock() };
    this.#relayed.add(relayed);
    const remove = connections.add(uplinkName, origin);
    request.succeed();
    for (const bytes of request.earlyData) flow.sentBytes += bytes.length;
    if (request.earlyData.length > 0) origin.write(request.earlyData);
    relaySockets(request.socket, origin, flow, () => {
      remove();
      flow.end();
      this.#relayed.delete(relayed);
    });
  }
}
