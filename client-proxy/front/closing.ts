import type { AppSocket, AppSocketHandlers } from '../../shared/runtime/app/app-socket.ts';

/** For a connection that nobody is interested in (any more). */
export const IGNORE_EVENTS: AppSocketHandlers = {
  onChunk: (chunk) => chunk.release(),
  onEnd: () => {},
  onDrain: () => {},
  onClose: () => {},
};

/** Closes a connection whose client is told nothing. */
export function closeAtOnce(socket: AppSocket): void {
  socket.setHandlers(IGNORE_EVENTS);
  socket.destroy('close');
}

/**
 * Sends `farewell` (may be empty) and closes so that the client can read it and all before it: FIN first, and what the client still sends is
 * read and dropped, because closing with unread bytes makes the kernel send RST, which may overtake the
 * farewell. A client that does not close in turn is cut off after `LINGER_MS`.
 */
export function closeGracefully(socket: AppSocket, farewell: Uint8Array): void {
  const cutOff = setTimeout(() => socket.destroy('close'), LINGER_MS);
  socket.setHandlers({ ...IGNORE_EVENTS, onClose: () => clearTimeout(cutOff) });
  if (farewell.length > 0) socket.write([farewell]);
  socket.end();
  socket.resume();
}

/** Clients are on this machine or its LAN: two seconds are many round trips, even with a lost packet. */
const LINGER_MS = 2000;
