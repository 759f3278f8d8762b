import { concatBytes } from '../../shared/protocol/codec/bytes.ts';
import { TributaryError } from '../../shared/protocol/errors.ts';
import {
  ClientHandshake,
  type ClientHandshakeOptions,
} from '../../shared/protocol/handshake/client-handshake.ts';
import type { Welcome } from '../../shared/protocol/handshake/messages.ts';
import type { SubflowTransport } from '../../shared/runtime/net/subflow-transport.ts';

export interface HandshakeOutcome {
  /** Present after HELLO. */
  readonly welcome?: Welcome;
  /** What came behind the answer up to now; to be called once, in the same turn as the transport's new handlers are set. */
  takeRest(): Uint8Array;
}

/**
 * HELLO or JOIN and its answer on a fresh transport.
 * Rejects with HandshakeRefused, ProtocolViolation, or a TributaryError when the connection closes or nothing comes within
 * `timeoutMs`; the transport is destroyed then.
 */
export function clientSubflowHandshake(
  transport: SubflowTransport,
  options: Omit<ClientHandshakeOptions, 'exporter'>,
  timeoutMs: number,
): Promise<HandshakeOutcome> {
  return new Promise((resolve, reject) => {
    const handshake = new ClientHandshake({ ...options, exporter: transport.exporter });
    const rest: Uint8Array[] = [];
    let isDone = false;
    const fail = (error: Error) => {
      clearTimeout(timer);
      reject(error);
      transport.destroy();
    };
    const timer = setTimeout(
      () => fail(new TributaryError('timedOut', `no answer to the handshake in ${timeoutMs} ms`, 'peer')),
      timeoutMs,
    );
    transport.setHandlers({
      onBytes(bytes) {
        if (isDone) {
          rest.push(bytes);
          return;
        }
        try {
          const result = handshake.receive(bytes);
          if (result === undefined) return;
          isDone = true;
          clearTimeout(timer);
          rest.push(result.rest);
          const { welcome } = result;
          resolve({ ...(welcome && { welcome }), takeRest: () => concatBytes(...rest) });
        } catch (error) {
          fail(error as Error);
        }
      },
      onWritable() {},
      onClose(error) {
        fail(
          new TributaryError(
            'notAuthorized',
            "the concentrator closed the connection without an answer: is this client's id in its list, with this key?",
            'peer',
            error && { cause: error },
          ),
        );
      },
    });
    transport.write([handshake.request]);
  });
}
