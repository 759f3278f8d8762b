import { type ErrorName, TributaryError } from '../../shared/protocol/errors.ts';
import { Cancellation } from '../../shared/runtime/async/cancellation.ts';
import type { UplinkTraffic } from '../../shared/runtime/session/uplink-traffic.ts';
import type { ConnectRequest } from '../socks5/connect-request.ts';
import type { DirectConnections } from './direct-connections.ts';
import type { DirectDialer } from './direct-dialer.ts';
import { relaySockets } from './socket-relay.ts';

export interface DirectOpeningOptions {
  readonly dialer: DirectDialer;
  readonly uplink: string;
  readonly connections: DirectConnections;
  readonly traffic: UplinkTraffic;
  /** How the opening ended, with the error where it failed. */
  onResult(result: 'ok' | ErrorName, error?: TributaryError): void;
}

/** Connects a SOCKS5 request past the concentrator and relays it; answers the request in any case. Never rejects. */
export async function openDirect(request: ConnectRequest, options: DirectOpeningOptions): Promise<void> {
  const { dialer, uplink, connections, traffic, onResult } = options;
  const abandoned = new Cancellation();
  request.onAbandoned(() => abandoned.abort());
  try {
    const origin = await dialer.dial(uplink, request.destination, abandoned);
    if (abandoned.aborted) {
      origin.destroy('reset');
      onResult('cancelled');
      return;
    }
    onResult('ok');
    request.succeed();
    for (const bytes of request.earlyData) traffic.sentBytes += bytes.length;
    if (request.earlyData.length > 0) origin.write(request.earlyData);
    relaySockets(request.socket, origin, traffic, connections.add(uplink, origin));
  } catch (error) {
    const known = error instanceof TributaryError ? error : undefined;
    const name = known?.code ?? 'internalError';
    onResult(name, known);
    request.fail(name);
  }
}
