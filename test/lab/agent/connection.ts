import { connect, type Socket } from 'node:net';
import type { Endpoint, Route } from './job.ts';

/** What happens on a connection to the origin. */
export interface ConnectionHandlers {
  /** Application data may be sent from now on. */
  onOpen(socket: Socket): void;
  /** `bytes` are only valid during the call. */
  onBytes(bytes: Uint8Array): void;
  /** The origin has ended its direction. Without this handler the connection is then closed. */
  onEnd?(): void;
  /** Called once; `error` when it did not end in order. */
  onClose(error?: Error): void;
}

/** Reads go into one buffer: large, so that the reader is not what is measured. */
const READ_BUFFER_BYTES = 256 * 1024;
const BULK_READ_BUFFER = Buffer.allocUnsafe(READ_BUFFER_BYTES);
/** SOCKS5 replies with an IPv4 address, as to a request with one (RFC 1928 section 6). */
const REPLY_BYTES = 10;

/** Connects to the origin, plainly or through SOCKS5, as an application does: each message after the reply to the last. */
export function openConnection(route: Route, origin: Endpoint, handlers: ConnectionHandlers): Socket {
  let error: Error | undefined;
  /** Bytes of replies still to come. */
  let reply = Buffer.alloc(0);
  let isOpen = false;
  const first = route.socks ?? origin;
  const socket = connect({
    ...first,
    ...(route.localAddress ? { localAddress: route.localAddress } : {}),
    noDelay: true,
    allowHalfOpen: true,
    onread: {
      buffer: BULK_READ_BUFFER,
      callback: (length) => {
        const bytes = BULK_READ_BUFFER.subarray(0, length);
        if (isOpen) handlers.onBytes(bytes);
        else negotiate(bytes);
        return true;
      },
    },
  });
  socket.on('connect', () => {
    if (route.socks) socket.write(Buffer.of(5, 1, 0));
    else open();
  });
  socket.on('error', (reason) => {
    error ??= reason;
  });
  socket.on('end', () => {
    if (isOpen && handlers.onEnd) handlers.onEnd();
    // With onread nobody reads the stream itself, so nobody else would close it.
    else socket.destroy();
  });
  socket.on('close', () =>
    handlers.onClose(error ?? (isOpen ? undefined : new Error('closed before it was open'))),
  );
  return socket;

  function open(): void {
    isOpen = true;
    handlers.onOpen(socket);
  }

  function negotiate(bytes: Uint8Array): void {
    const before = reply.length;
    reply = Buffer.concat([reply, bytes]);
    if (before < 2 && reply.length >= 2) {
      if (reply[1] !== 0) {
        fail(`SOCKS5 proxy wants method ${reply[1]}`);
        return;
      }
      const address = origin.host.split('.').map(Number);
      socket.write(Buffer.of(5, 1, 0, 1, ...address, origin.port >> 8, origin.port & 255));
    }
    if (reply.length < 2 + REPLY_BYTES) return;
    if (reply[3] !== 0) {
      fail(`SOCKS5 proxy answers ${reply[3]}`);
      return;
    }
    const rest = reply.subarray(2 + REPLY_BYTES);
    open();
    if (rest.length > 0) handlers.onBytes(rest);
  }

  function fail(reason: string): void {
    error = new Error(reason);
    socket.destroy();
  }
}
