import { isIPv6 } from 'node:net';
import type { ErrorName } from '../../shared/protocol/errors.ts';
import { plainAddress } from '../../shared/runtime/address/plain-address.ts';
import { sourceOf, UNIX_CLIENT } from '../../shared/runtime/admission/source.ts';
import { isThisMachine } from '../../shared/runtime/admission/this-machine.ts';
import type { LineLog } from '../../shared/runtime/observe/line-limit.ts';
import { errorWords } from '../../shared/runtime/text/error-words.ts';
import type { UdpSocket, UdpSocketOptions } from '../../shared/runtime/udp/udp-socket.ts';
import type { DatagramCounts } from '../datagram/datagram-counts.ts';
import type { DatagramRelay } from '../datagram/datagram-relay.ts';
import type { AssociateRequest } from '../front/connect-request.ts';
import { UdpAssociation } from './udp-association.ts';

export interface AssociateOpenerOptions {
  /** Why there is no UDP for applications now; undefined where there is. */
  whyNot(): ErrorName | undefined;
  readonly relay: Pick<DatagramRelay, 'join' | 'leave'>;
  /** Whether whoever has this address may use the proxy. */
  isOpenTo(address: string): boolean;
  hasDescriptor(): boolean;
  /** Rejects with the system's error. */
  openSocket(options: UdpSocketOptions): Promise<UdpSocket>;
  readonly counts: DatagramCounts;
  /** How a request ended. */
  onResult(result: 'ok' | ErrorName): void;
  /** Bounded. */
  readonly logger: LineLog;
}

/** Each costs a socket. What turns a machine's packets into SOCKS has one for each of its UDP connections. */
export const MAX_ASSOCIATIONS = 1024;
/** Of them, what one other machine may have. */
export const MAX_ASSOCIATIONS_OF_HOST = MAX_ASSOCIATIONS / 2;
/** The kernel keeps so much of what comes in a burst, if it may. */
const BUFFER_BYTES = 1024 * 1024;

const NO_UDP =
  'the concentrator carries no UDP (it has an earlier version, or `datagrams` is off there), and no rule leads past it';

/** Where whoever connects by a Unix socket finds the socket for its datagrams: it is on this machine. */
const LOCAL = '127.0.0.1';

/** Has datagrams of applications relayed: UDP ASSOCIATE of SOCKS5 (RFC 1928 sections 4 and 7). */
export class AssociateOpener {
  readonly #options: AssociateOpenerOptions;
  /** All that are open, each with the machine that it belongs to. */
  readonly #open = new Map<UdpAssociation, string>();
  #isDraining = false;

  constructor(options: AssociateOpenerOptions) {
    this.#options = options;
  }

  /** Answers the request in any case. Never rejects. */
  async open(request: AssociateRequest): Promise<void> {
    const { onResult } = this.#options;
    const control = request.socket;
    const host = sourceOf(control.remoteAddress).host;
    const refused = this.#whyRefused(host);
    if (refused !== undefined) {
      onResult(refused);
      request.fail(refused);
      return;
    }
    const association = this.#begin(request, host);
    request.onAbandoned(() => association.end());
    try {
      const local = control.remoteAddress === UNIX_CLIENT ? LOCAL : control.localAddress;
      const socket = await this.#openSocket(local, association);
      if (!this.#open.has(association)) {
        socket.close();
        onResult('cancelled');
        request.fail('cancelled');
        return;
      }
      onResult('ok');
      // With the address that the client has reached: any other might lead elsewhere.
      request.succeed({ host: plainAddress(local), port: socket.local.port });
      association.begin(socket, control);
    } catch (error) {
      association.end();
      this.#options.logger.warn(
        { reason: errorWords(error) },
        'no UDP association: no socket could be opened for it',
      );
      onResult('networkFailure');
      request.fail('networkFailure');
    }
  }

  /**
   * Ends those whose datagrams would go nowhere, where there is no UDP for applications any more: the end of the control connection is
   * how SOCKS5 tells them. What goes past the concentrator goes on.
   */
  review(): void {
    const { whyNot, logger } = this.#options;
    if (whyNot() === undefined) return;
    const ended = [...this.#open.keys()].filter(({ goesDirectly }) => !goesDirectly);
    for (const association of ended) association.end();
    if (ended.length === 0) return;
    const fields = { applications: ended.length };
    logger.warn(fields, `UDP associations were ended: ${NO_UDP}`);
  }

  /** Ends all, and takes no more: nobody could say when they are done. */
  drain(): void {
    this.#isDraining = true;
    for (const association of [...this.#open.keys()]) association.end();
  }

  #whyRefused(host: string): ErrorName | undefined {
    const { whyNot, hasDescriptor, logger } = this.#options;
    if (this.#isDraining) return 'goingAway';
    const reason = whyNot();
    if (reason !== undefined) return reason;
    const own = [...this.#open.values()].filter((one) => one === host).length;
    const most = isThisMachine({ host }) ? MAX_ASSOCIATIONS : MAX_ASSOCIATIONS_OF_HOST;
    if (this.#open.size >= MAX_ASSOCIATIONS || own >= most) {
      logger.warn(
        { client: host, open: this.#open.size },
        `a UDP association was refused: at most ${MAX_ASSOCIATIONS} may be open, ${MAX_ASSOCIATIONS_OF_HOST} of another machine`,
      );
      return 'resourceExceeded';
    }
    return hasDescriptor() ? undefined : 'resourceExceeded';
  }

  #begin({ socket, destination, user }: AssociateRequest, host: string): UdpAssociation {
    const { relay, isOpenTo, counts } = this.#options;
    const local = plainAddress(socket.remoteAddress);
    const association: UdpAssociation = new UdpAssociation({
      source: {
        control: local === UNIX_CLIENT ? LOCAL : local,
        asked: destination,
        isOpenTo,
      },
      user,
      counts,
      join: (application) => relay.join(application),
      onEnd: (ended) => {
        this.#open.delete(association);
        relay.leave(ended);
      },
    });
    this.#open.set(association, host);
    return association;
  }

  #openSocket(local: string, association: UdpAssociation): Promise<UdpSocket> {
    const host = plainHost(local);
    return this.#options.openSocket({
      family: isIPv6(host) ? 6 : 4,
      host,
      bufferBytes: BUFFER_BYTES,
      handlers: { onDatagram: (datagram, from) => association.onDatagram(datagram, from) },
    });
  }
}

/** An address of a link keeps its zone, which the kernel wants. */
function plainHost(address: string): string {
  return address.includes('%') ? address : plainAddress(address);
}
