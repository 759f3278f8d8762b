import { type ErrorName, TributaryError } from '../../shared/protocol/errors.ts';
import type { AppSocket } from '../../shared/runtime/app/app-socket.ts';
import { Cancellation } from '../../shared/runtime/async/cancellation.ts';
import type { TrafficTable } from '../../shared/runtime/session/uplink-traffic.ts';
import type { ConnectRequest } from '../front/connect-request.ts';
import { answerLookup, questionOf } from '../front/name-requests.ts';
import type { DirectConnections } from './direct-connections.ts';
import type { DirectDialer } from './direct-dialer.ts';
import { relaySockets } from './socket-relay.ts';

export interface DirectOpenerOptions {
  readonly dialer: Pick<DirectDialer, 'dial' | 'resolve'>;
  readonly connections: DirectConnections;
  readonly traffic: TrafficTable;
  /** How an opening ended. */
  onResult(result: 'ok' | ErrorName): void;
  /** How a lookup was answered. */
  onLookedUp(result: 'ok' | ErrorName): void;
}

/** Connects SOCKS5 requests past the concentrator and relays them. */
export class DirectOpener {
  readonly #options: DirectOpenerOptions;

  constructor(options: DirectOpenerOptions) {
    this.#options = options;
  }

  /**
   * Answers the request in any case. Never rejects.
   * @param onFailed told why there is no connection, unless the application has gone or this program is at fault
   */
  async open(
    request: ConnectRequest,
    uplinkName: string,
    onFailed: (error: TributaryError) => void,
  ): Promise<void> {
    if (request.lookup !== undefined) return this.#lookUp(request, uplinkName, onFailed);
    const { dialer, onResult } = this.#options;
    const abandoned = new Cancellation();
    request.onAbandoned(() => abandoned.abort());
    try {
      const origin = await dialer.dial(uplinkName, request.destination, abandoned);
      if (abandoned.aborted) {
        origin.destroy('reset');
        onResult('cancelled');
        return;
      }
      onResult('ok');
      this.#relay(request, uplinkName, origin);
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
    uplinkName: string,
    onFailed: (error: TributaryError) => void,
  ): Promise<void> {
    const { dialer, onLookedUp } = this.#options;
    const abandoned = new Cancellation();
    request.onAbandoned(() => abandoned.abort());
    try {
      const values = await dialer.resolve(uplinkName, questionOf(request), abandoned);
      onLookedUp(answerLookup(request, { values }));
    } catch (error) {
      const known = error instanceof TributaryError ? error : undefined;
      if (known !== undefined && !abandoned.aborted) onFailed(known);
      onLookedUp(answerLookup(request, { error: known?.code ?? 'internalError' }));
    }
  }

  #relay(request: ConnectRequest, uplinkName: string, origin: AppSocket): void {
    const { connections, traffic } = this.#options;
    const own = traffic.of(uplinkName);
    request.succeed();
    for (const bytes of request.earlyData) own.sentBytes += bytes.length;
    if (request.earlyData.length > 0) origin.write(request.earlyData);
    relaySockets(request.socket, origin, own, connections.add(uplinkName, origin));
  }
}
