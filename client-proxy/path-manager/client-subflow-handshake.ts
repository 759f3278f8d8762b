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
    closedError: (cause) =>
      new TributaryError(
        'notAuthorized',
        "the concentrator closed the connection without an answer: is this client's id in its list, with this key?" +
          // The network may have done it, too.
          (cause === undefined ? '' : ` (${errorWords(cause)})`),
        'peer',
        cause && { cause },
      ),
  });
}
