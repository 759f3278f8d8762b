import { TributaryError } from '../../shared/protocol/errors.ts';
import {
  ClientHandshake,
  type ClientHandshakeOptions,
  type ClientHandshakeResult,
} from '../../shared/protocol/handshake/client-handshake.ts';
import { type HandshakeRead, readHandshake } from '../../shared/runtime/session/read-handshake.ts';
import type { SubflowTransport } from '../../shared/runtime/subflow/subflow-transport.ts';
import { errorWords } from '../../shared/runtime/text/error-words.ts';

/**
 * HELLO or JOIN and its answer on a fresh transport. Rejects with HandshakeRefused, ProtocolViolation, or a TributaryError
 * when the connection closes or nothing comes within `timeoutMs`.
 */
export function clientSubflowHandshake(
  transport: SubflowTransport,
  options: Omit<ClientHandshakeOptions, 'exporter'>,
  timeoutMs: number,
): Promise<HandshakeRead<ClientHandshakeResult>> {
  const handshake = new ClientHandshake({ ...options, exporter: transport.exporter });
  return readHandshake(transport, {
    request: handshake.request,
    receive: (bytes) => handshake.receive(bytes),
    timeoutMs,
    closedError,
  });
}

/** A concentrator closes the connection of a client that it does not know, in good order or by a reset. */
function closedError(cause: Error | undefined): TributaryError {
  const { code = '' } = (cause ?? {}) as NodeJS.ErrnoException;
  if (BY_NETWORK.has(code)) {
    const text = `the connection to the concentrator was lost before its answer: ${errorWords(cause)}`;
    return new TributaryError('networkFailure', text, 'ours', { cause });
  }
  return new TributaryError(
    'notAuthorized',
    "the concentrator closed the connection without an answer: is this client's id in its list, with this key?" +
      // The network may have done it, too.
      (cause === undefined ? '' : ` (${errorWords(cause)})`),
    'peer',
    cause && { cause },
  );
}

/** What no concentrator does: it was the network, or this machine. */
const BY_NETWORK: ReadonlySet<string> = new Set([
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'ECONNABORTED',
  'ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC',
]);
