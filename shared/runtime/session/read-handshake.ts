import { concatBytes } from '../../protocol/codec/bytes.ts';
import { TributaryError } from '../../protocol/errors.ts';
import type { SubflowTransport } from '../subflow/subflow-transport.ts';

export interface HandshakeRead<Result> {
  readonly result: Result;
  /** Returns what came behind it up to now. Call it once, in the turn in which the transport's new handlers are set. */
  takeRest(): Uint8Array;
}

export interface HandshakeReading<Result extends { readonly rest: Uint8Array }> {
  /** Takes what arrived. Returns the result once it is complete. An error that it throws ends the reading. */
  receive(bytes: Uint8Array): Result | undefined;
  readonly timeoutMs: number;
  /** The error when the connection closes first. */
  closedError(cause: Error | undefined): TributaryError;
}

/**
 * Reads the one handshake message that is due on a fresh transport. If it is wrong, late or never comes, the transport is
 * destroyed without an answer and this rejects.
 */
export function readHandshake<Result extends { readonly rest: Uint8Array }>(
  transport: SubflowTransport,
  { receive, timeoutMs, closedError }: HandshakeReading<Result>,
): Promise<HandshakeRead<Result>> {
  return new Promise((resolve, reject) => {
    const rest: Uint8Array[] = [];
    let isDone = false;
    const fail = (error: unknown) => {
      isDone = true;
      clearTimeout(timer);
      reject(error);
      transport.destroy();
    };
    const timer = setTimeout(
      () => fail(new TributaryError('timedOut', `no handshake message in ${timeoutMs} ms`, 'peer')),
      timeoutMs,
    );
    transport.setHandlers({
      onBytes(chunk) {
        try {
          if (isDone) {
            rest.push(new Uint8Array(chunk.bytes));
            return;
          }
          const result = receive(chunk.bytes);
          if (result === undefined) return;
          isDone = true;
          clearTimeout(timer);
          rest.push(new Uint8Array(result.rest));
          resolve({ result, takeRest: () => concatBytes(...rest) });
        } catch (error) {
          fail(error);
        } finally {
          chunk.release();
        }
      },
      onWritable() {},
      onClose: (cause) => fail(closedError(cause)),
    });
  });
}
