import { isIPv4 } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import type { Destination } from '../../shared/protocol/destination.ts';
import { TributaryError } from '../../shared/protocol/errors.ts';
import type { StreamPolicy } from '../../shared/protocol/steering/steering-policy.ts';
import { type CarriedBytes, CarriedByUplink } from '../../shared/protocol/uplink/carried-bytes.ts';
import { Cancellation, type CancelSignal } from '../../shared/runtime/async/cancellation.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import { type SocketAddress, socketAddress } from '../../shared/runtime/kernel/socket-address.ts';
import type { UplinkTraffic } from '../../shared/runtime/session/uplink-traffic.ts';
import type { UdpHandlers, UdpSocket } from '../../shared/runtime/udp/udp-socket.ts';
import type { DirectStanding } from '../direct/balance/direct-balance.ts';
import type { DirectSocket } from '../direct/direct-connections.ts';
import type { DirectReach } from '../direct/direct-destination.ts';
import type { WireCounter } from '../metering/wire-counter.ts';
import type { DirectRoute } from '../steering/datagram-decision.ts';
import { countDatagram, type DatagramCounts } from './datagram-counts.ts';
import type { DirectLine } from './flow.ts';

/** What ports of all applications need. */
export interface DirectPortsOptions {
  /** The uplinks that a flow past the concentrator tries, in this order. @param inUse those that its application has a port over */
  candidates(host: string, policy: StreamPolicy, inUse: ReadonlySet<string>): readonly string[];
  /** What this uplink is to a flow that goes over it, as the policy and the network are now. */
  standingOf(uplinkName: string, policy: StreamPolicy): DirectStanding;
  /** The addresses of a host that may be reached over an uplink, and that it can reach. Rejects with TributaryError. */
  resolve(
    uplinkName: string,
    host: string,
    signal: CancelSignal,
    reach: DirectReach,
  ): Promise<readonly string[]>;
  /** A socket that is bound as the uplink is. Throws or rejects with TributaryError. */
  openSocket(uplinkName: string, family: 4 | 6, handlers: UdpHandlers): Promise<UdpSocket>;
  /** A socket is open over an uplink, and is to be closed with what that stands on. @returns to be called when it is closed */
  onOpened(uplinkName: string, port: DirectSocket): () => void;
  /** What is counted of one, until `end`. */
  traffic(uplinkName: string): UplinkTraffic & { end(): void };
  /** Counts what an uplink's packets cost on the wire. */
  wireOf(uplinkName: string): Pick<WireCounter, 'countPacket'>;
  /** It is tried again with what is sent later. */
  onFailed(route: DirectRoute, destination: Destination, error: unknown): void;
  readonly counts: DatagramCounts;
  readonly clock: MonotonicClock;
}

/** A datagram has come over an uplink. */
export type OnDirectDatagram = (from: Destination, payload: Uint8Array, uplinkName: string) => void;

/** What an application sends while the name is asked for. */
const MAX_WAITING = 8;
/** After a failure it is tried again with the first datagram after so long. */
const RETRY_AFTER_MS = 1_000;

/**
 * The sockets over which one application's datagrams go past the concentrator: one for each uplink and address family, whatever the
 * destination (RFC 4787 section 4.1). What comes from addresses to which the application has not sent is dropped (section 5).
 */
export class DirectPorts {
  readonly #options: DirectPortsOptions;
  readonly #onDatagram: OnDirectDatagram;
  /** By address family, and by uplink. */
  readonly #ports = { 4: new Map<string, Promise<Port>>(), 6: new Map<string, Promise<Port>>() };
  readonly #over = new Cancellation();

  constructor(options: DirectPortsOptions, onDatagram: OnDirectDatagram) {
    this.#options = options;
    this.#onDatagram = onDatagram;
  }

  /** The way for the datagrams of a flow; nothing is opened before the first of them. */
  open(destination: Destination, route: DirectRoute): DirectLine {
    return new Line({
      ...this.#options,
      route,
      way: (by) => this.#wayTo(destination, by),
      onFailed: (by, error) => this.#options.onFailed(by, destination, error),
    });
  }

  /** The application has gone. */
  close(): void {
    this.#over.abort();
    for (const port of [...this.#ports[4].values(), ...this.#ports[6].values()])
      port.then((open) => open.destroy()).catch(() => {});
  }

  /** Over the first uplink that can carry it. Rejects with TributaryError. */
  async #wayTo({ host, port }: Destination, route: DirectRoute): Promise<Way> {
    const { resolve } = this.#options;
    const isByRule = route.kind === 'direct';
    const uplinks = isByRule ? [route.uplink] : this.#candidates(host, route.policy);
    const reach = isByRule && !route.isPublicOnly ? 'named' : 'public';
    let failure: unknown = new TributaryError('networkFailure', NO_UPLINK, 'ours');
    for (const uplinkName of uplinks) {
      try {
        const addresses = await resolve(uplinkName, host, this.#over, reach);
        // IPv4 is what works everywhere, and nobody tells which of them answers.
        const address = addresses.find((one) => isIPv4(one)) ?? addresses[0]!;
        const to = socketAddress(address, port)!;
        return { uplinkName, port: await this.#portOver(uplinkName, to), to };
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  /** Whom the application talks to, it knows by one address, if it has asked for it: its other ports count. */
  #candidates(host: string, policy: StreamPolicy): readonly string[] {
    const inUse = new Set([...this.#ports[4].keys(), ...this.#ports[6].keys()]);
    return this.#options.candidates(host.toLowerCase().replace(/\.$/, ''), policy, inUse);
  }

  #portOver(uplinkName: string, { family }: SocketAddress): Promise<Port> {
    this.#over.throwIfAborted();
    const ports = this.#ports[family];
    let port = ports.get(uplinkName);
    if (port === undefined) {
      const forget = () => {
        if (ports.get(uplinkName) === opened) ports.delete(uplinkName);
      };
      const opened = this.#openPort(uplinkName, family, forget);
      port = opened;
      ports.set(uplinkName, opened);
      opened.catch(forget);
    }
    return port;
  }

  async #openPort(uplinkName: string, family: 4 | 6, onClosed: () => void): Promise<Port> {
    const { openSocket, onOpened, traffic, wireOf } = this.#options;
    const port = new Port(family, wireOf(uplinkName), (from, payload) =>
      this.#onDatagram(from, payload, uplinkName),
    );
    const socket = await openSocket(uplinkName, family, port);
    const counted = traffic(uplinkName);
    port.begin(socket, counted, () => {
      onClosed();
      remove();
      counted.end();
    });
    const remove = onOpened(uplinkName, port);
    if (this.#over.aborted) port.destroy();
    return port;
  }
}

const NO_UPLINK =
  'there is no uplink that may carry datagrams directly: see uplinks, their caps, and the rules';

interface Way {
  readonly uplinkName: string;
  readonly port: Port;
  readonly to: SocketAddress;
}

interface LineOptions extends Pick<DirectPortsOptions, 'standingOf' | 'counts' | 'clock'> {
  readonly route: DirectRoute;
  way(route: DirectRoute): Promise<Way>;
  onFailed(route: DirectRoute, error: unknown): void;
}

/** The datagrams for one destination. */
class Line implements DirectLine {
  readonly #options: LineOptions;
  readonly #carried = new CarriedByUplink();
  /** What it goes by when it looks for its way, */
  #route: DirectRoute;
  /** and what it has found. */
  #way: Way | undefined;
  /** That it had before, where it has changed by itself. */
  #left: Way | undefined;
  /** Undefined while none is looked for. */
  #waiting: Uint8Array[] | undefined;
  #failedUntilMs = Number.NEGATIVE_INFINITY;
  #isLookingForBetter = false;
  /** Once more, since something has changed meanwhile. */
  #isBetterWanted = false;
  #isOver = false;

  constructor(options: LineOptions) {
    this.#options = options;
    this.#route = options.route;
  }

  get carried(): readonly CarriedBytes[] {
    return this.#carried.all;
  }

  goOn(policy: StreamPolicy): boolean {
    if (this.#route.kind !== 'balanced') return false;
    if (!this.#way?.port.isOpen) return isDeepStrictEqual(this.#route.policy, policy);
    const standing = this.#options.standingOf(this.#way.uplinkName, policy);
    if (standing === 'out') return false;
    // Its socket may be lost later: what it looks for then is what is allowed now. A search by another policy is void.
    if (!isDeepStrictEqual(this.#route.policy, policy)) this.#route = { ...this.#route, policy };
    this.#isBetterWanted = standing === 'stopgap';
    if (this.#isBetterWanted) void this.#lookForBetter();
    return true;
  }

  onReceived(bytes: number, uplinkName: string): void {
    this.#carried.of(uplinkName).receivedBytes += bytes;
  }

  send(payload: Uint8Array): void {
    const { counts, clock } = this.#options;
    if (this.#way?.port.isOpen) {
      this.#sendOn(this.#way, payload);
    } else if (clock() < this.#failedUntilMs) {
      counts.drop('directFailed');
    } else if (this.#waiting === undefined) {
      this.#waiting = [payload];
      void this.#look();
    } else if (this.#waiting.length < MAX_WAITING) {
      this.#waiting.push(payload);
    } else {
      counts.drop('directFailed');
    }
  }

  end(): void {
    this.#isOver = true;
    for (const way of [this.#left, this.#way]) if (way !== undefined) forget(way);
  }

  /** Goes over another uplink once that can carry it; as before until then, and where none can. */
  async #lookForBetter(): Promise<void> {
    if (this.#isLookingForBetter) return;
    this.#isLookingForBetter = true;
    while (this.#isBetterWanted && !this.#isOver && this.#way?.port.isOpen) {
      this.#isBetterWanted = false;
      await this.#lookOnceForBetter(this.#way);
    }
    this.#isLookingForBetter = false;
  }

  async #lookOnceForBetter(before: Way): Promise<void> {
    const route = this.#route;
    try {
      const found = await this.#options.way(route);
      if (this.#isOver || this.#way !== before || this.#route !== route || !before.port.isOpen) return;
      // The network may have changed. Neither another backup is better, nor another address of the same name over this one.
      if (this.#standingOf(before) !== 'stopgap' || this.#standingOf(found) !== 'right') return;
      found.port.expect(found.to.host);
      // The other end sends there until it has heard of the new one.
      if (this.#left !== undefined) forget(this.#left);
      this.#left = before;
      this.#way = found;
      this.#isBetterWanted = false;
    } catch {
      // It has one that works.
    }
  }

  #standingOf({ uplinkName }: Way): DirectStanding {
    return this.#route.kind === 'balanced'
      ? this.#options.standingOf(uplinkName, this.#route.policy)
      : 'right';
  }

  #sendOn({ uplinkName, port, to }: Way, payload: Uint8Array): void {
    countDatagram(this.#options.counts.sent, payload);
    this.#carried.of(uplinkName).sentBytes += payload.length;
    port.send(payload, to);
  }

  async #look(): Promise<void> {
    const { way, onFailed, counts, clock } = this.#options;
    const route = this.#route;
    try {
      const found = await way(route);
      if (this.#isOver) return;
      this.#way = found;
      found.port.expect(found.to.host);
      for (const payload of this.#waiting ?? []) this.#sendOn(found, payload);
    } catch (error) {
      this.#failedUntilMs = clock() + RETRY_AFTER_MS;
      counts.drops.directFailed += this.#waiting?.length ?? 0;
      if (!this.#isOver) onFailed(route, error);
    } finally {
      this.#waiting = undefined;
    }
  }
}

function forget({ port, to }: Way): void {
  port.forget(to.host);
}

/** Of an IP packet without extensions, and UDP. */
const HEADER_BYTES = { 4: 28, 6: 48 } as const;

/** One socket. */
class Port implements DirectSocket, UdpHandlers {
  readonly #headerBytes: number;
  readonly #wire: Pick<WireCounter, 'countPacket'>;
  readonly #onReceived: (from: Destination, payload: Uint8Array) => void;
  /** By address, how many lines there are to it. */
  readonly #expected = new Map<string, number>();
  #socket: UdpSocket | undefined;
  #traffic: UplinkTraffic | undefined;
  #onClosed = () => {};

  constructor(
    family: 4 | 6,
    wire: Pick<WireCounter, 'countPacket'>,
    onReceived: (from: Destination, payload: Uint8Array) => void,
  ) {
    this.#headerBytes = HEADER_BYTES[family];
    this.#wire = wire;
    this.#onReceived = onReceived;
  }

  get isOpen(): boolean {
    return this.#socket !== undefined;
  }

  get localAddress(): string {
    return this.#socket?.local.host ?? '';
  }

  begin(socket: UdpSocket, traffic: UplinkTraffic, onClosed: () => void): void {
    this.#socket = socket;
    this.#traffic = traffic;
    this.#onClosed = onClosed;
  }

  expect(host: string): void {
    this.#expected.set(host, (this.#expected.get(host) ?? 0) + 1);
  }

  forget(host: string): void {
    const count = (this.#expected.get(host) ?? 1) - 1;
    if (count > 0) this.#expected.set(host, count);
    else this.#expected.delete(host);
  }

  send(payload: Uint8Array, to: SocketAddress): void {
    this.#socket?.send([payload], to);
    this.#wire.countPacket('sent', this.#headerBytes + payload.length);
    if (this.#traffic !== undefined) this.#traffic.sentBytes += payload.length;
  }

  onDatagram(payload: Uint8Array, from: SocketAddress): void {
    this.#wire.countPacket('received', this.#headerBytes + payload.length);
    if (this.#socket === undefined || !this.#expected.has(from.host)) return;
    if (this.#traffic !== undefined) this.#traffic.receivedBytes += payload.length;
    this.#onReceived(from, payload);
  }

  destroy(): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    this.#socket = undefined;
    socket.close();
    this.#onClosed();
  }
}
