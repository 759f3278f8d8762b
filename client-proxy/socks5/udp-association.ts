import type { Destination } from '../../shared/protocol/destination.ts';
import { plainAddress } from '../../shared/runtime/address/plain-address.ts';
import { isLoopback } from '../../shared/runtime/address/special-ranges.ts';
import type { AppSocket } from '../../shared/runtime/app/app-socket.ts';
import type { SocketAddress } from '../../shared/runtime/kernel/socket-address.ts';
import { Slab } from '../../shared/runtime/udp/slab.ts';
import type { UdpSocket } from '../../shared/runtime/udp/udp-socket.ts';
import type { Association } from '../datagram/association.ts';
import type { DatagramCounts } from '../datagram/datagram-counts.ts';
import type { DatagramApplication } from '../datagram/datagram-relay.ts';
import { DatagramHeaders } from './datagram-header.ts';

/** Who may send datagrams of an association. */
export interface ExpectedSource {
  /** Where the control connection comes from. */
  readonly control: string;
  /** What the client has said that it will send from; unspecified where it did not know. */
  readonly asked: Destination;
  /** Whether whoever has this address may use the proxy. */
  isOpenTo(address: string): boolean;
}

export interface UdpAssociationOptions {
  readonly source: ExpectedSource;
  readonly user: string | undefined;
  readonly counts: DatagramCounts;
  join(application: DatagramApplication): Association;
  /** It has ended. */
  onEnd(association: Association): void;
}

/** What a client says that does not know where it will send from. */
const UNSPECIFIED: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

/** With its header, the longest that UDP carries over IPv4. */
const MAX_DATAGRAM_BYTES = 65_507;

/**
 * One association of a client (RFC 1928 section 7): it lives as long as the control connection, and relays between the client's
 * datagrams, which have headers, and their destinations. The first datagram that comes from where it may come fixes the source.
 */
export class UdpAssociation {
  readonly #options: UdpAssociationOptions;
  readonly #headers = new DatagramHeaders();
  readonly #payloads = new Slab();
  readonly #association: Association;
  #socket: UdpSocket | undefined;
  #control: AppSocket | undefined;
  #source: SocketAddress | undefined;
  #isOver = false;

  constructor(options: UdpAssociationOptions) {
    this.#options = options;
    const { user, join } = options;
    this.#association = join({
      user,
      from: () => this.#source?.host,
      onDatagram: (from, payload) => this.#onReply(from, payload),
    });
  }

  /** Whether anything of it goes past the concentrator. */
  get goesDirectly(): boolean {
    return this.#association.goesDirectly;
  }

  /** Its socket, and the connection that it lives by. */
  begin(socket: UdpSocket, control: AppSocket): void {
    this.#socket = socket;
    this.#control = control;
    control.setHandlers({
      // Nothing is expected there; it is read so that the end is noticed.
      onChunk: (chunk) => chunk.release(),
      onEnd: () => this.end(),
      onDrain: () => {},
      onClose: () => this.end(),
    });
    control.resume();
  }

  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#socket?.close();
    this.#control?.destroy('close');
    this.#options.onEnd(this.#association);
  }

  /** What has come to its socket. The memory stays the caller's. */
  onDatagram(datagram: Uint8Array, from: SocketAddress): void {
    if (this.#isOver) return;
    const { counts } = this.#options;
    if (from !== this.#source && !this.#isSource(from)) {
      counts.drop('otherSource');
      return;
    }
    const header = this.#headers.read(datagram);
    if (typeof header === 'string') {
      counts.drop(header);
      return;
    }
    this.#source = from;
    // The memory is that of the next datagram, too.
    this.#association.send(header.destination, this.#payloads.copy(datagram, header.payloadAt));
  }

  #onReply(from: Destination, payload: Uint8Array): void {
    const { counts } = this.#options;
    // Before its first datagram nobody knows where it is, and nothing comes.
    if (this.#socket === undefined || this.#source === undefined) return;
    const header = this.#headers.written(from);
    if (header.length + payload.length > MAX_DATAGRAM_BYTES) {
      counts.drop('tooLong');
      return;
    }
    counts.received.datagrams++;
    counts.received.bytes += payload.length;
    this.#socket.send([header, payload], this.#source, this.#unsent);
  }

  readonly #unsent = {
    onUnsent: (code: string): void =>
      this.#options.counts.drop(code === 'EMSGSIZE' ? 'tooLong' : 'slowApplication'),
  };

  #isSource({ host, port }: SocketAddress): boolean {
    const known = this.#source;
    if (known !== undefined) return known.host === host && known.port === port;
    const { control, asked, isOpenTo } = this.#options.source;
    const address = plainAddress(host);
    const isAsked = asked.host === address || (UNSPECIFIED.has(asked.host) && isLoopback(control));
    if (address === control) {
      // Between the two there may be a translator, which changes ports; not so on one machine, or where the address is right.
      return asked.port === 0 || !isAsked || asked.port === port;
    }
    return asked.host === address && (asked.port === 0 || asked.port === port) && isOpenTo(address);
  }
}
