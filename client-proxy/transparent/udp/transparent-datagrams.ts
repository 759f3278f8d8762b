import { isIPv6 } from 'node:net';
import type { Logger } from 'pino';
import { type Destination, formatDestination } from '../../../shared/protocol/destination.ts';
import { isSameHost } from '../../../shared/runtime/address/ip-address.ts';
import type { MonotonicClock } from '../../../shared/runtime/clock.ts';
import { openForeign, takeForeignDatagram } from '../../../shared/runtime/kernel/foreign-datagrams.ts';
import { NativeSocketError, type NativeSockets } from '../../../shared/runtime/kernel/native.ts';
import type { SocketAddress } from '../../../shared/runtime/kernel/socket-address.ts';
import { LineLimit, type LineLog } from '../../../shared/runtime/observe/line-limit.ts';
import type { UdpSockets } from '../../../shared/runtime/udp/udp-sockets.ts';
import type { Association } from '../../datagram/association.ts';
import type { DatagramCounts } from '../../datagram/datagram-counts.ts';
import type { DatagramRelay } from '../../datagram/datagram-relay.ts';
import { type LoopSource, loopOf } from '../loops.ts';
import { ReplySockets } from './reply-sockets.ts';

export interface TransparentDatagramsOptions extends Omit<LoopSource, 'isOwnConnection'> {
  readonly native: NativeSockets;
  readonly sockets: UdpSockets;
  readonly relay: Pick<DatagramRelay, 'join' | 'leave'>;
  readonly counts: DatagramCounts;
  hasDescriptor(): boolean;
  readonly clock: MonotonicClock;
  readonly logger: Logger;
}

/** Sources at a time, each of which is an address and port of an application: a question for a name has one of its own. */
const MAX_SOURCES = 4096;
/** At that bound so many are forgotten. */
const LEAVE_TOGETHER = 256;
/** A source that says and hears nothing for so long is forgotten. */
const SOURCE_IDLE_MS = 300_000;
/** How often it is looked for those. */
const IDLE_CHECK_MS = 10_000;
/** Read in one go; the rest has to wait for what else the program does. */
const MAX_IN_A_TURN = 256;
/** So long it may take to close. */
const WAIT_MS = 500;

interface Source {
  readonly address: SocketAddress;
  readonly association: Association;
}

interface Point extends Destination {
  readonly family: 4 | 6;
  readonly descriptor: number;
}

/**
 * Relays datagrams of applications that know of no proxy: a TPROXY rule leads them here, with where they were sent to. Each source is
 * an application of its own; what comes back is sent to it from the address that it comes from.
 */
export class TransparentDatagrams {
  readonly #options: TransparentDatagramsOptions;
  readonly #log: LineLog;
  readonly #replies: ReplySockets;
  /** By address. */
  readonly #sources = new Map<string, Source>();
  readonly #points: Point[] = [];
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: TransparentDatagramsOptions) {
    this.#options = options;
    this.#log = new LineLimit(options.clock).over(options.logger);
    this.#replies = new ReplySockets(options);
  }

  /** Listens at all points. Without the right to it nothing is led here. */
  start(): void {
    const { points, native, logger } = this.#options;
    for (const point of points) {
      const family = isIPv6(point.host) ? 6 : 4;
      try {
        this.#points.push({ ...point, family, descriptor: openForeign(native, point, family) });
      } catch (error) {
        if (!(error instanceof NativeSocketError)) throw error;
        const fields = { listen: formatDestination(point), reason: error.message };
        logger.debug(fields, 'redirected datagrams are not taken: TPROXY is not available');
      }
    }
    if (this.#points.length === 0) return;
    this.#timer = setInterval(() => this.#endIdle(), IDLE_CHECK_MS).unref();
    void this.#run();
  }

  /** Takes no more, and forgets all sources. */
  close(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
    for (const key of [...this.#sources.keys()]) this.#forget(key);
    this.#replies.close();
  }

  async #run(): Promise<void> {
    const { native } = this.#options;
    const descriptors = this.#points.map(({ descriptor }) => descriptor);
    while (!this.#isClosed) {
      for (const point of this.#points) this.#read(point);
      await native.waitReadable(descriptors, WAIT_MS);
    }
    // Not before: the kernel would wait for another file of the same number.
    for (const descriptor of descriptors) native.close(descriptor);
  }

  #read({ descriptor, family }: Point): void {
    for (let count = 0; count < MAX_IN_A_TURN; count++) {
      const datagram = takeForeignDatagram(this.#options.native, descriptor, family);
      if (datagram === undefined) return;
      const { from, to, payload } = datagram;
      // The memory is that of the next one, too.
      if (this.#mayServe(from, to)) this.#sourceOf(from)?.association.send(to, Buffer.from(payload));
    }
  }

  #mayServe(from: Destination, to: Destination): boolean {
    const { counts } = this.#options;
    if (to.port === 0) {
      counts.drop('malformed');
      return false;
    }
    const { ownAddresses, sockets } = this.#options;
    const isOwn = ({ host, port }: Destination) =>
      sockets.hasPort(port) && ownAddresses().some((own) => isSameHost(own, host));
    const loop = loopOf(to, from, { ...this.#options, isOwnConnection: isOwn });
    if (loop === undefined) return true;
    counts.drop('loop');
    this.#log.warn({ destination: formatDestination(to) }, LOOP_MESSAGES[loop]);
    return false;
  }

  #sourceOf(address: SocketAddress): Source | undefined {
    const key = formatDestination(address);
    const known = this.#sources.get(key);
    if (known !== undefined) return known;
    if (this.#sources.size >= MAX_SOURCES) this.#makePlace();
    const association = this.#options.relay.join({
      // Each answer leaves from the address that it is said to be from: a concentrator must not speak for machines of this network.
      hearsOnlyAsked: true,
      from: () => address.host,
      onDatagram: (from, payload) => this.#replies.send(from, address, payload),
    });
    const source = { address, association };
    this.#sources.set(key, source);
    return source;
  }

  #makePlace(): void {
    this.#log.warn(
      { sources: this.#sources.size },
      'redirected datagrams come from more sources than are kept: the most silent ones are forgotten',
    );
    const entries = [...this.#sources].sort(
      ([, one], [, other]) => one.association.usedMs - other.association.usedMs,
    );
    // With those that are nearly as silent, so that it is not looked for them each time.
    for (const [key] of entries.slice(0, LEAVE_TOGETHER)) this.#forget(key);
  }

  #endIdle(): void {
    const nowMs = this.#options.clock();
    for (const [key, { association }] of this.#sources) {
      if (nowMs - association.usedMs >= SOURCE_IDLE_MS) this.#forget(key);
    }
    this.#replies.endIdle();
  }

  #forget(key: string): void {
    const source = this.#sources.get(key);
    if (source === undefined) return;
    this.#sources.delete(key);
    this.#options.relay.leave(source.association);
  }
}

/** Kinds of lines, each with its own limit. */
const LOOP_MESSAGES = {
  listener: 'transparent: a datagram was sent to the listener itself and not led to it: dropped',
  concentrator:
    'transparent: a datagram of this machine to the concentrator was redirected: dropped (redirect nothing of the ' +
    "client's own user; see tributary-client transparent)",
  own: "transparent: the client's own datagram was redirected: dropped",
} as const;
