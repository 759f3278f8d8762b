import type { Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { type Destination, formatDestination } from '../../shared/protocol/destination.ts';
import type { CancelSignal } from '../../shared/runtime/async/cancellation.ts';
import { withTimeLimit } from '../../shared/runtime/async/time-limit.ts';
import {
  type CertificatePin,
  certificatePin,
  samePin,
} from '../../shared/runtime/identity/certificate-pin.ts';
import type { ReceivePool } from '../../shared/runtime/subflow/receive-pool.ts';
import {
  cipherPreference,
  isSubflowProtocol,
  SUBFLOW_TLS_OPTIONS,
} from '../../shared/runtime/subflow/subflow-tls.ts';
import { TlsSubflow } from '../../shared/runtime/subflow/tls-subflow.ts';
import { socketReady } from '../../shared/runtime/tcp/socket-events.ts';
import { errorWords } from '../../shared/runtime/text/error-words.ts';
import { portalOf, strangerAt } from './portal.ts';
import { SubflowError } from './subflow-error.ts';
import type { Uplink } from './uplink.ts';
import { connectFailure, UplinkError } from './uplink-error.ts';
import { connectThroughUplink, type UplinkConnectOptions } from './uplink-socket.ts';

export interface SubflowConnectOptions extends UplinkConnectOptions {
  readonly pool: ReceivePool;
  /** The certificates of which the concentrator must show one; no authority is asked. */
  readonly pins: readonly CertificatePin[];
  /** Sent in the clear (SNI, RFC 6066), for a front that routes by it; nothing is sent where absent. */
  readonly serverName?: string | undefined;
  /** Groups for the key exchange, as `ecdhCurve` of Node.js; its own choice where absent. */
  readonly keyExchangeGroups?: string | undefined;
  /** The TCP connection is there. */
  onConnected?(socket: Socket): void;
}

/**
 * Opens a subflow: TCP over the uplink, TLS 1.3, the certificate checked against the pin before a byte is sent.
 * `timeoutMs` covers all of it. Rejects with `UplinkError` (not reached) or `SubflowError` (not the concentrator).
 */
export async function connectSubflow(
  uplink: Uplink,
  target: Destination,
  options: SubflowConnectOptions,
): Promise<TlsSubflow> {
  const where = formatDestination(target);
  let isConnected = false;
  try {
    return await withTimeLimit(`opening a subflow to ${where}`, options, async (signal) => {
      const socket = await connectThroughUplink(uplink, target, { ...options, signal });
      isConnected = true;
      options.onConnected?.(socket);
      const secured = await secure(socket, options, where, signal);
      const { pool, native, congestionControl } = options;
      const own = uplink.binding.kind === 'proxy' ? undefined : native;
      return new TlsSubflow(secured, pool, own, congestionControl !== undefined);
    });
  } catch (error) {
    if (error instanceof SubflowError) throw error;
    const failure = connectFailure(uplink.name, where, error);
    if (failure.code !== 'timedOut' || !isConnected) throw failure;
    const text = `${where} takes connections and then says nothing: a portal, if this network wants a login, or a firewall`;
    throw new SubflowError('timedOut', text, { cause: error });
  }
}

async function secure(
  socket: Socket,
  options: SubflowConnectOptions,
  where: string,
  signal: CancelSignal,
): Promise<TLSSocket> {
  const secured = connectTls({
    ...SUBFLOW_TLS_OPTIONS,
    socket,
    ciphers: cipherPreference(),
    // The pin takes the place of the authorities: see `checkPeer`.
    rejectUnauthorized: false,
    ...(options.serverName === undefined ? {} : { servername: options.serverName }),
    ...(options.keyExchangeGroups === undefined ? {} : { ecdhCurve: options.keyExchangeGroups }),
  });
  try {
    await socketReady(secured, 'secureConnect', signal);
    checkPeer(secured, options.pins, where);
    return secured;
  } catch (error) {
    secured.destroy();
    signal.throwIfAborted();
    if (error instanceof SubflowError || error instanceof UplinkError) throw error;
    const text = `${where} was reached but TLS failed: ${errorWords(error)}; is it a concentrator, or a portal?`;
    throw portalOf(where, error) ?? new SubflowError('connectionReset', text, { cause: error });
  }
}

function checkPeer(secured: TLSSocket, pins: readonly CertificatePin[], where: string): void {
  if (!isSubflowProtocol(secured.alpnProtocol)) throw strangerAt(where);
  const certificate = secured.getPeerX509Certificate();
  if (certificate === undefined) throw new SubflowError('notAuthorized', `${where} showed no certificate`);
  const seen = certificatePin(certificate.raw);
  if (!pins.some((pin) => samePin(seen, pin))) {
    const expected = pins.map(({ text }) => text).join(' or ');
    throw new SubflowError(
      'notAuthorized',
      `${where} showed a certificate other than the pinned one: expected ${expected}, saw ${seen.text}; ` +
        'either the concentrator has a new certificate (then change the pin) or something else answers in its place',
    );
  }
}
