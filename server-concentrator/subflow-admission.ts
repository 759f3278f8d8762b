import { concatBytes } from '../shared/protocol/codec/bytes.ts';
import { TributaryError } from '../shared/protocol/errors.ts';
import {
  type AuthenticatedRequest,
  ConcentratorHandshake,
} from '../shared/protocol/handshake/concentrator-handshake.ts';
import { nodeHandshakeCrypto } from '../shared/runtime/handshake-crypto.ts';
import type { SubflowTransport } from '../shared/runtime/net/subflow-transport.ts';

/** A client that has proven its key and waits for an answer on this transport. */
export interface Applicant {
  readonly transport: SubflowTransport;
  readonly handshake: ConcentratorHandshake;
  readonly request: AuthenticatedRequest;
  /** What came behind the request up to now; to be called once, in the turn in which the transport gets its handlers. */
  takeRest(): Uint8Array;
}

/**
 * Reads HELLO or JOIN from a fresh transport. Rejects with TributaryError (unauthenticated, malformed, too slow, gone);
 * the transport is destroyed then, without a word.
 */
export function readApplicant(
  transport: SubflowTransport,
  keyOf: (clientId: string) => Uint8Array | undefined,
  timeoutMs: number,
): Promise<Applicant> {
  return new Promise((resolve, reject) => {
    const handshake = new ConcentratorHandshake({
      crypto: nodeHandshakeCrypto,
      exporter: transport.exporter,
      keyOf,
    });
    const rest: Uint8Array[] = [];
    let isDone = false;
    const fail = (error: Error) => {
      clearTimeout(timer);
      isDone = true;
      reject(error);
      transport.destroy();
    };
    const timer = setTimeout(
      () => fail(new TributaryError('timedOut', 'no HELLO or JOIN in time', 'peer')),
      timeoutMs,
    );
    transport.setHandlers({
      onBytes(bytes) {
        if (isDone) {
          rest.push(bytes);
          return;
        }
        try {
          const request = handshake.receive(bytes);
          if (request === undefined) return;
          isDone = true;
          clearTimeout(timer);
          rest.push(request.rest);
          resolve({ transport, handshake, request, takeRest: () => concatBytes(...rest) });
        } catch (error) {
          fail(error as Error);
        }
      },
      onWritable() {},
      onClose: () => fail(new TributaryError('cancelled', 'closed before HELLO or JOIN was whole', 'peer')),
    });
  });
}
