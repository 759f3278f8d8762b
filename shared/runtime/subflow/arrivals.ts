import { createServer, type Server, type Socket } from 'node:net';
import { peerAddressOf, resetAccepted, socketOf, takeAccepted } from '../kernel/socket-handle.ts';

/** A TCP connection that was accepted, before anything is spent on it. */
export interface Arrival {
  /** Undefined when it is gone already. */
  readonly remoteAddress: string | undefined;
  /** A load balancer passes it on: what the kernel knows of the connection is about the way to that one. */
  readonly isProxied?: boolean;
  /** Its socket, paused. Once. */
  open(): Socket;
  /** Ends it at once, with RST: of thousands in a second nothing stays in the kernel either. In place of `open`. */
  refuse(): void;
}

/** A server that is to listen, and `take`, to be called once it does: from then on arrivals come. */
export function serverOfArrivals(onArrival: (arrival: Arrival) => void): { server: Server; take(): void } {
  // Until `take`, and where this Node has no handles.
  const server = createServer({ pauseOnConnect: true }, (socket) =>
    onArrival({
      remoteAddress: socket.remoteAddress,
      open: () => socket,
      refuse: () => void socket.resetAndDestroy(),
    }),
  );
  const take = () => {
    takeAccepted(server, (handle) =>
      onArrival({
        remoteAddress: peerAddressOf(handle),
        open: () => socketOf(handle),
        refuse: () => resetAccepted(handle),
      }),
    );
  };
  return { server, take };
}
