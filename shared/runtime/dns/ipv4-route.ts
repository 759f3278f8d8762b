import type { Socket as UdpSocket } from 'node:dgram';
import type { MonotonicClock } from '../clock.ts';

/** An address that only a default route covers (RFC 5737). */
const ANYWHERE = { host: '192.0.2.1', port: 53 };
/** The kernel is asked at most so often: it is done for connections. */
const ASK_EVERY_MS = 1_000;
/** What it says where there is no way. Any other failure, such as too few descriptors, says nothing of routes. */
const NO_ROUTE: ReadonlySet<string | undefined> = new Set([
  'ENETUNREACH',
  'EHOSTUNREACH',
  'EADDRNOTAVAIL',
  // Routes of the types `prohibit` and `blackhole`.
  'EACCES',
  'EINVAL',
]);

/**
 * Whether the kernel has a route to the Internet's IPv4 addresses. An address of this machine says little: a bridge for containers
 * has one, also where nothing leads on from there.
 */
export class Ipv4Route {
  readonly #openUdp: () => Promise<UdpSocket>;
  readonly #clock: MonotonicClock;
  #isThere = true;
  #askedMs = Number.NEGATIVE_INFINITY;
  #pending: Promise<void> | undefined;

  /** @param openUdp a socket for IPv4, as those of connections are; nothing is sent from it */
  constructor(openUdp: () => Promise<UdpSocket>, clock: MonotonicClock) {
    this.#openUdp = openUdp;
    this.#clock = clock;
  }

  /** As it was when the kernel was asked last. */
  get isThere(): boolean {
    return this.#isThere;
  }

  /** Asks the kernel; undefined where it was asked just now. Never rejects. */
  refresh(): Promise<void> | undefined {
    if (this.#pending === undefined && this.#clock() - this.#askedMs >= ASK_EVERY_MS) {
      this.#askedMs = this.#clock();
      this.#pending = this.#ask().finally(() => {
        this.#pending = undefined;
      });
    }
    return this.#pending;
  }

  async #ask(): Promise<void> {
    let socket: UdpSocket | undefined;
    try {
      socket = await this.#openUdp();
      await connected(socket);
      this.#isThere = true;
    } catch (error) {
      if (NO_ROUTE.has((error as NodeJS.ErrnoException).code)) this.#isThere = false;
    } finally {
      socket?.close();
    }
  }
}

/** That a datagram socket is connected says that there is a route: no packet is sent. */
function connected(socket: UdpSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.connect(ANYWHERE.port, ANYWHERE.host, ((error?: Error) => {
      if (error == null) resolve();
      else reject(error);
    }) as () => void);
  });
}
