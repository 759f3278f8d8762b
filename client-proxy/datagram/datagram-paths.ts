import { isIPv6 } from 'node:net';
import { Backoff } from '../../shared/runtime/async/backoff.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import type { PacketTable } from '../../shared/runtime/datagram/packet-table.ts';
import type { PacketWire, SessionPackets } from '../../shared/runtime/datagram/session-packets.ts';
import type { NativeSockets } from '../../shared/runtime/kernel/native.ts';
import { socketAddress } from '../../shared/runtime/kernel/socket-address.ts';
import type { LineLog } from '../../shared/runtime/observe/line-limit.ts';
import type { SessionDriver } from '../../shared/runtime/session/session-driver.ts';
import { errorWords } from '../../shared/runtime/text/error-words.ts';
import type { SendListener, UdpSocket } from '../../shared/runtime/udp/udp-socket.ts';
import type { UdpSockets } from '../../shared/runtime/udp/udp-sockets.ts';
import type { WireCounter } from '../metering/wire-counter.ts';
import { isSameUplink } from '../path-manager/same-uplink.ts';
import type { DialledUplink } from '../path-manager/uplink-role.ts';
import type { AttachmentFinder } from '../uplink/uplink-device.ts';
import { openUplinkUdp } from './uplink-udp-socket.ts';

/** How the paths of all sessions are made. */
export interface DatagramPathsOptions {
  readonly sockets: UdpSockets;
  readonly native: NativeSockets | undefined;
  readonly attachment: AttachmentFinder;
  /** Counts them. */
  readonly packetTable: PacketTable;
  /** Counts what an uplink's packets cost on the wire. */
  wireOf(uplinkName: string): Pick<WireCounter, 'countPacket'>;
  hasDescriptor(): boolean;
  readonly clock: MonotonicClock;
  readonly random: () => number;
  readonly logger: LineLog;
}

/** The session that the paths are of. */
export interface PathSession {
  readonly driver: Pick<SessionDriver, 'snapshot' | 'linkOf' | 'receivePacket'>;
  readonly packets: Pick<SessionPackets, 'setWire'>;
  addPath(uplinkName: string): number | undefined;
  removePath(path: number): void;
}

/** What the kernel may keep of one path in each direction: a tenth of a second at 100 Mbit/s. It may allow less. */
const BUFFER_BYTES = 1024 * 1024;
/** After a socket could not be had, from uplink to uplink: its network may be coming up. */
const RETRY = { minMs: 500, maxMs: 15_000 };
/**
 * The concentrator's port is another one at most this often: all sockets are made anew then. An honest one has another when it was
 * configured otherwise.
 */
export const PORT_CHANGE_MS = 10_000;
/** Of an IP packet without extensions, and UDP. */
const HEADER_BYTES = { 4: 28, 6: 48 } as const;

/**
 * The UDP paths of one session: one for each uplink that has a subflow, from the address that the subflow comes from to the address that it
 * leads to. So they go where subflows go, and come and go with them.
 */
export class DatagramPaths {
  readonly #options: DatagramPathsOptions;
  readonly #session: PathSession;
  readonly #paths = new Map<string, UplinkPath>();
  #port = 0;
  /** What the concentrator has said last. */
  #toldPort = 0;
  #mayChangeMs = Number.NEGATIVE_INFINITY;
  #isClosed = false;

  constructor(options: DatagramPathsOptions, session: PathSession) {
    this.#options = options;
    this.#session = session;
  }

  /** The concentrator's UDP port; 0: it has none. Where it was another one a moment ago, that takes effect with a later review. */
  setPort(port: number): void {
    this.#toldPort = port;
    this.#followPort();
  }

  /** Uplinks or their subflows may be others now. */
  review(uplinks: readonly DialledUplink[]): void {
    this.#followPort();
    if (this.#isClosed || this.#port === 0) return;
    const routes = this.#routes();
    const usable = uplinks.filter(({ name, binding }) => binding.kind !== 'proxy' && routes.has(name));
    const wanted = new Map(usable.map((uplink) => [uplink.name, uplink]));
    for (const [uplinkName, path] of this.#paths) {
      const uplink = wanted.get(uplinkName);
      const isRight = uplink !== undefined && isSameUplink(path.uplink, uplink);
      if (!isRight || !isAmong(path.route, routes.get(uplinkName))) this.#remove(uplinkName);
    }
    for (const uplink of wanted.values()) this.#add(uplink, routes.get(uplink.name)![0]!);
  }

  /** The session is over. */
  close(): void {
    this.#isClosed = true;
    for (const path of this.#paths.values()) path.close();
    this.#paths.clear();
  }

  #followPort(): void {
    const nowMs = this.#options.clock();
    if (this.#toldPort === this.#port || nowMs < this.#mayChangeMs) return;
    // The first is no change.
    if (this.#port !== 0) this.#mayChangeMs = nowMs + PORT_CHANGE_MS;
    this.#port = this.#toldPort;
    for (const uplinkName of [...this.#paths.keys()]) this.#remove(uplinkName);
  }

  /** By uplink, where subflows come from and lead to; those first that are in use and heard. */
  #routes(): ReadonlyMap<string, readonly Route[]> {
    const { driver } = this.#session;
    const routes = new Map<string, Route[]>();
    const subflows = driver.snapshot().subflows.filter(({ duty }) => duty !== 'retiring');
    const inOrder = [...subflows].sort((one, other) => Number(isDoubted(one)) - Number(isDoubted(other)));
    for (const { id, uplinkName } of inOrder) {
      const link = driver.linkOf(id);
      if (link === undefined) continue;
      const route = { source: link.local.host, host: link.remote.host };
      routes.set(uplinkName, [...(routes.get(uplinkName) ?? []), route]);
    }
    return routes;
  }

  #add(uplink: DialledUplink, route: Route): void {
    const known = this.#paths.get(uplink.name);
    if (known === undefined) {
      const path = new UplinkPath(uplink, route, this.#port, this.#session, this.#options);
      this.#paths.set(uplink.name, path);
      path.open();
    } else known.retry();
  }

  #remove(uplinkName: string): void {
    this.#paths.get(uplinkName)?.close();
    this.#paths.delete(uplinkName);
  }
}

/** From where to where packets go, by addresses of hosts. */
interface Route {
  readonly source: string;
  readonly host: string;
}

/** The socket of one uplink, and its path. */
class UplinkPath implements PacketWire, SendListener {
  readonly uplink: DialledUplink;
  readonly route: Route;
  readonly #port: number;
  readonly #session: PathSession;
  readonly #options: DatagramPathsOptions;
  readonly #wire: Pick<WireCounter, 'countPacket'>;
  readonly #backoff: Backoff;
  readonly #headerBytes: number;
  #socket: UdpSocket | undefined;
  #path: number | undefined;
  /** The same for all its packets. */
  #listener: SendListener | undefined;
  #isOpening = false;
  #retryMs = 0;
  #isClosed = false;

  constructor(
    uplink: DialledUplink,
    route: Route,
    port: number,
    session: PathSession,
    options: DatagramPathsOptions,
  ) {
    this.uplink = uplink;
    this.route = route;
    this.#port = port;
    this.#session = session;
    this.#options = options;
    this.#wire = options.wireOf(uplink.name);
    this.#backoff = new Backoff(RETRY, options.random);
    this.#headerBytes = HEADER_BYTES[isIPv6(route.host) ? 6 : 4];
  }

  /** Opens it again where that has failed, and it is time. */
  retry(): void {
    if (this.#socket === undefined && !this.#isOpening && this.#options.clock() >= this.#retryMs) this.open();
  }

  open(): void {
    this.#isOpening = true;
    void this.#open()
      .catch((error: unknown) => {
        this.#retryMs = this.#options.clock() + this.#backoff.nextMs();
        const fields = { uplink: this.uplink.name, reason: errorWords(error) };
        this.#options.logger.warn(fields, 'no UDP path: datagrams of this uplink travel on its subflows');
      })
      .finally(() => {
        this.#isOpening = false;
      });
  }

  send(pieces: readonly Uint8Array[], listener: SendListener): void {
    let bytes = this.#headerBytes;
    for (const piece of pieces) bytes += piece.length;
    this.#wire.countPacket('sent', bytes);
    this.#listener = listener;
    this.#socket?.send(pieces, undefined, this);
  }

  onUnsent(code: string, bytes: number): void {
    this.#wire.countPacket('sent', -this.#headerBytes - bytes);
    this.#listener?.onUnsent(code, bytes);
  }

  isSame(other: PacketWire): boolean {
    return other === this;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#socket?.close();
    if (this.#path === undefined) return;
    this.#session.packets.setWire(this.#path, undefined);
    this.#session.removePath(this.#path);
  }

  async #open(): Promise<void> {
    const { uplink, route } = this;
    const { sockets, native, attachment, hasDescriptor } = this.#options;
    if (!hasDescriptor()) throw new Error('this program has few file descriptors left');
    const peer = socketAddress(route.host, this.#port);
    if (peer === undefined) throw new Error(`${route.host} is no address that packets can be sent to`);
    const socket = await openUplinkUdp(uplink, {
      sockets,
      native,
      attachment,
      family: peer.family,
      peer,
      source: route.source,
      isNeverCut: true,
      bufferBytes: BUFFER_BYTES,
      handlers: { onDatagram: (packet) => this.#onPacket(packet) },
    });
    if (this.#isClosed) {
      socket.close();
      return;
    }
    this.#socket = socket;
    this.#path = this.#session.addPath(uplink.name);
    if (this.#path !== undefined) this.#session.packets.setWire(this.#path, this);
  }

  #onPacket(packet: Uint8Array): void {
    this.#wire.countPacket('received', this.#headerBytes + packet.length);
    this.#session.driver.receivePacket(packet, this);
  }
}

function isDoubted({ state }: { readonly state: string }): boolean {
  return state === 'doubted';
}

function isAmong(route: Route, routes: readonly Route[] | undefined): boolean {
  return routes?.some(({ source, host }) => source === route.source && host === route.host) === true;
}
