import { type ErrorName, TributaryError } from '../../shared/protocol/errors.ts';
import {
  type AuthenticatedRequest,
  ConcentratorHandshake,
} from '../../shared/protocol/handshake/concentrator-handshake.ts';
import { nodeHandshakeCrypto } from '../../shared/runtime/session/handshake-crypto.ts';
import { readHandshake } from '../../shared/runtime/session/read-handshake.ts';
import type { SubflowTransport } from '../../shared/runtime/subflow/subflow-transport.ts';

/** A client that has proven its key and waits for an answer on this transport. */
export interface Applicant {
  readonly transport: SubflowTransport;
  readonly handshake: ConcentratorHandshake;
  readonly request: AuthenticatedRequest;
  /** What came behind the request up to now; to be called once, in the turn in which the transport gets its handlers. */
  takeRest(): Uint8Array;
}

/** Reads HELLO or JOIN from a fresh transport, and answers PROBE before. Rejects with TributaryError: unauthenticated, malformed, too slow, gone. */
export async function readApplicant(
  transport: SubflowTransport,
  keysOf: (clientId: string) => readonly Uint8Array[],
  timeoutMs: number,
): Promise<Applicant> {
  const handshake = new ConcentratorHandshake({
    crypto: nodeHandshakeCrypto,
    exporter: transport.exporter,
    keysOf,
  });
  const { result, takeRest } = await readHandshake(transport, {
    receive: (bytes, answer) => {
      const request = handshake.receive(bytes);
      const probed = handshake.takeProbed();
      if (probed !== undefined) answer(probed);
      return request;
    },
    timeoutMs,
    closedError: (cause) =>
      new TributaryError('cancelled', 'closed before HELLO or JOIN was whole', 'peer', cause && { cause }),
  });
  return { transport, handshake, request: result, takeRest };
}

/** A refusal must leave before the connection closes. */
const REFUSAL_MS = 1_000;

/** Answers REFUSED, and closes the connection when that has left. */
export function refuse({ transport, handshake }: Applicant, error: ErrorName): void {
  const timer = setTimeout(() => transport.destroy(), REFUSAL_MS);
  transport.setHandlers({
    onBytes: (chunk) => chunk.release(),
    onWritable: () => transport.destroy(),
    onClose: () => clearTimeout(timer),
  });
  transport.write([handshake.refuse(error)]);
}
