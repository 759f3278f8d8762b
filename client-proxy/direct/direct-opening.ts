import type { Destination } from '../../shared/protocol/destination.ts';
import { type ErrorName, TributaryError } from '../../shared/protocol/errors.ts';
import { Cancellation, type CancelSignal } from '../../shared/runtime/async/cancellation.ts';
import type { ConnectRequest } from '../front/connect-request.ts';
import type { DirectFlows } from './balance/direct-flows.ts';
import type { DirectConnections } from './direct-connections.ts';
import { relaySockets } from './socket-relay.ts';
import type { DirectConnection } from './uplink-race.ts';

export interface DirectOpenerOptions {
  readonly connections: DirectConnections;
  readonly flows: Pick<DirectFlows, 'begin'>;
  /** How an opening ended. */
  onResult(result: 'ok' | ErrorName): void;
}

/** Connects SOCKS5 requests past the concentrator and relays them. */
export class DirectOpener {
  readonly #options: DirectOpenerOptions;

  constructor(options: DirectOpenerOptions) {
    this.#options = options;
  }

  /**
   * Answers the request in any case. Never rejects.
   * @param dial connects to the destination; rejects with TributaryError
   * @param onFailed told why there is no connection, unless the application has gone or this program is at fault
   */
  async open(
    request: ConnectRequest,
    dial: (destination: Destination, signal: CancelSignal) => Promise<DirectConnection>,
    onFailed: (error: TributaryError) => void,
  ): Promise<void> {
    const { onResult } = this.#options;
    const abandoned = new Cancellation();
    request.onAbandoned(() => abandoned.abort());
    try {
      const connection = await dial(request.destination, abandoned);
      if (abandoned.aborted) {
        connection.origin.destroy('reset');
        onResult('cancelled');
        return;
      }
      onResult('ok');
      this.#relay(request, connection);
    } catch (error) {
      const known = error instanceof TributaryError ? error : undefined;
      const name = known?.code ?? 'internalError';
      onResult(name);
      if (known !== undefined) onFailed(known);
      request.fail(name);
    }
  }

  #relay(request: ConnectRequest, { uplinkName, origin }: DirectConnection): void {
    const { connections, flows } = this.#options;
    const flow = flows.begin(uplinkName);
    const remove = connections.add(uplinkName, origin);
    request.succeed();
    for (const bytes of request.earlyData) flow.sentBytes += bytes.length;
    if (request.earlyData.length > 0) origin.write(request.earlyData);
    relaySockets(request.socket, origin, flow, () => {
      remove();
      flow.end();
    });
  }
}
