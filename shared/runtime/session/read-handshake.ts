import { concatBytes } from '../../protocol/codec/bytes.ts';
import { TributaryError } from '../../protocol/errors.ts';
import type { CancelSignal } from '../async/cancellation.ts';
import type { SubflowTransport } from '../subflow/subflow-transport.ts';

export interface HandshakeRead<Result> {
  readonly result: Result;
  /** Returns what came behind it up to now. Call it once, in the turn in which the transport's new handlers are set. */
  takeRest(): Uint8Array;
}

export interface HandshakeReading<Result extends { readonly rest: Uint8Array }> {
  /** Sent first, where there is something to send. */
  readonly request?: Uint8Array;
  /**
   * Takes what arrived, and may answer, once. Returns the result once it is complete. An error that it throws ends the
   * reading.
   */
  receive(bytes: Uint8Array, answer: (bytes: Uint8Array) => void): Result | undefined;
  readonly timeoutMs: number;
  readonly signal?: CancelSignal | undefined;
  /** The error when the connection closes first. */
  closedError(cause: Error | undefined): Error;
}

/**
 * Reads the one handshake message that is due on a fresh transport, and resolves when the transport takes a write. If the
 * message is wrong, late or never comes, the transport is destroyed without an answer and this rejects.
 */
export function readHandshake<Result extends { readonly rest: Uint8Array }>(
  transport: SubflowTransport,
  { request, receive, timeoutMs, signal, closedError }: HandshakeReading<Result>,
): Promise<HandshakeRead<Result>> {
  return new Promise((resolve, reject) => {
    const rest: Uint8Array[] = [];
    let result: Result | undefined;
    let isWriting = false;
    let isDone = false;
    const settle = () => {
      isDone = true;
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
    const fail = (error: unknown) => {
      settle();
      reject(error);
      transport.destroy();
    };
    const onAbort = () => fail(signal?.reason);
    const write = (bytes: Uint8Array) => {
      isWriting = true;
      transport.write([bytes]);
    };
    const resolveOnce = () => {
      if (isDone || isWriting || result === undefined) return;
      settle();
      resolve({ result, takeRest: () => concatBytes(...rest) });
    };
    const timer = setTimeout(
      () => fail(new TributaryError('timedOut', `no handshake message in ${timeoutMs} ms`, 'peer')),
      timeoutMs,
    );
    signal?.addEventListener('abort', onAbort);
    if (signal?.aborted) {
      onAbort();
      return;
    }
    transport.setHandlers({
      onBytes(chunk) {
        try {
          if (isDone || result !== undefined) {
            rest.push(new Uint8Array(chunk.bytes));
            return;
          }
          result = receive(chunk.bytes, write);
          if (result === undefined) return;
          rest.push(new Uint8Array(result.rest));
          resolveOnce();
        } catch (error) {
          fail(error);
        } finally {
          chunk.release();
        }
      },
      onWritable() {
        isWriting = false;
        resolveOnce();
      },
      onClose: (cause) => fail(closedError(cause)),
    });
    if (request !== undefined) write(request);
  });
}
