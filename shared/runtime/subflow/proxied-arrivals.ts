import type { Socket } from 'node:net';
import type { Arrival } from './arrivals.ts';
import { type ProxyHeader, readProxyHeader } from './proxy-header.ts';

export interface ProxiedArrivalsOptions {
  /** Whether a load balancer connects from there, which says in front of each connection whose it is. */
  isBalancer(address: string): boolean;
  /** The connection itself; its `remoteAddress` is the client's, or the balancer's where that does not know the client's. */
  onArrival(arrival: Arrival): void;
  /** A balancer's connection came to nothing. */
  onFailed(balancer: string, reason: string): void;
}

/** A balancer sends it with the first packet. */
const HEADER_TIMEOUT_MS = 5_000;
/** Connections whose header is not there yet: a balancer is trusted, but may be full of strangers. */
const MAX_WAITING = 4_096;

interface Waiting {
  readonly socket: Socket;
  readonly balancer: string;
  read: Buffer;
  /** The header is whole and names nobody. */
  isNameless: boolean;
  end(): void;
}

/** Takes the header of the PROXY protocol off connections that load balancers pass on. */
export class ProxiedArrivals {
  readonly #options: ProxiedArrivalsOptions;
  readonly #waiting = new Set<Waiting>();

  constructor(options: ProxiedArrivalsOptions) {
    this.#options = options;
  }

  /** A connection has come, from a balancer or not. */
  admit(arrival: Arrival): void {
    const { isBalancer, onArrival, onFailed } = this.#options;
    const { remoteAddress } = arrival;
    if (remoteAddress === undefined || !isBalancer(remoteAddress)) {
      onArrival(arrival);
    } else if (this.#waiting.size >= MAX_WAITING) {
      arrival.refuse();
      onFailed(remoteAddress, 'too many of its connections have not said whose they are');
    } else {
      this.#await(arrival.open(), remoteAddress);
    }
  }

  /** Ends those that wait for their header. */
  close(): void {
    for (const waiting of [...this.#waiting]) {
      waiting.end();
      waiting.socket.resetAndDestroy();
    }
  }

  #await(socket: Socket, balancer: string): void {
    const fail = (reason: string) => this.#fail(waiting, reason);
    const onReadable = () => this.#onReadable(waiting);
    const onClose = () => {
      // A health check: that somebody listens is all that it wants to know.
      if (waiting.read.length === 0 || waiting.isNameless) waiting.end();
      else fail('closed before its PROXY header was whole');
    };
    const onTimeout = () =>
      fail(`${waiting.isNameless ? 'what follows ' : ''}its PROXY header took too long`);
    const timer = setTimeout(onTimeout, HEADER_TIMEOUT_MS);
    const waiting: Waiting = {
      socket,
      balancer,
      read: Buffer.alloc(0),
      isNameless: false,
      end: () => {
        clearTimeout(timer);
        socket.off('readable', onReadable).off('close', onClose);
        this.#waiting.delete(waiting);
      },
    };
    this.#waiting.add(waiting);
    // The close that follows is enough.
    socket.on('error', () => {});
    socket.on('readable', onReadable);
    socket.once('close', onClose);
  }

  #onReadable(waiting: Waiting): void {
    const { socket } = waiting;
    const bytes = socket.read() as Buffer | null;
    if (bytes === null) return;
    waiting.read = waiting.read.length === 0 ? bytes : Buffer.concat([waiting.read, bytes]);
    const header = readProxyHeader(waiting.read);
    if (header === 'more') return;
    if (header === 'none') this.#fail(waiting, 'it does not begin with a PROXY header');
    else this.#passOn(waiting, header);
  }

  #passOn(waiting: Waiting, { lengthBytes, source, isCheck }: ProxyHeader): void {
    const { socket, balancer } = waiting;
    const rest = waiting.read.subarray(lengthBytes);
    // Checks of HAProxy by version 1 say UNKNOWN as well, and then nothing.
    waiting.isNameless = source === undefined && !isCheck;
    if (waiting.isNameless && rest.length === 0) return;
    waiting.end();
    if (isCheck) {
      socket.destroy();
      return;
    }
    if (rest.length > 0) socket.unshift(rest);
    this.#options.onArrival({
      remoteAddress: socket.destroyed ? undefined : (source?.host ?? balancer),
      isProxied: true,
      open: () => socket,
      refuse: () => void socket.resetAndDestroy(),
    });
  }

  #fail(waiting: Waiting, reason: string): void {
    waiting.end();
    waiting.socket.resetAndDestroy();
    this.#options.onFailed(waiting.balancer, reason);
  }
}
