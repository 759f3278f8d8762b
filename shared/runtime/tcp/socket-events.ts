import type { Socket } from 'node:net';
import type { CancelSignal } from '../async/cancellation.ts';
import { closedError } from '../text/error-words.ts';

/**
 * Waits for a socket's event of success (`connect`, `secureConnect`). Rejects with the socket's error, with a
 * `closed` error if it goes away, or with the signal's reason; the socket is destroyed in each of these cases.
 */
export function socketReady(
  socket: Socket,
  event: 'connect' | 'secureConnect',
  signal: CancelSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => {
      settle();
      // Errors that follow belong to a socket that nobody uses any more.
      socket.on('error', () => {});
      socket.destroy();
      reject(error);
    };
    const onReady = () => {
      settle();
      resolve();
    };
    const onClose = () => fail(closedError());
    const onAbort = () => fail(signal.reason);
    const settle = () => {
      socket.off(event, onReady);
      socket.off('error', fail);
      socket.off('close', onClose);
      signal.removeEventListener('abort', onAbort);
    };
    socket.once(event, onReady);
    socket.once('error', fail);
    socket.once('close', onClose);
    signal.addEventListener('abort', onAbort);
    if (signal.aborted) onAbort();
  });
}
