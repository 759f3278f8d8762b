import type { PublicationCommands, PublicationId } from '../../shared/protocol/session/publications.ts';
import type { Visit } from '../../shared/protocol/session/stream-commands.ts';
import { plainAddress } from '../../shared/runtime/address/plain-address.ts';
import type { AppSocket } from '../../shared/runtime/app/app-socket.ts';
import { addressBytes } from '../addresses/announced-addresses.ts';

/** A session whose client publishes ports. */
export interface PublishingSession {
  readonly clientId: string;
  /** Tells the session something. */
  input(work: (session: { readonly publications: PublicationCommands }) => void): void;
  /** Opens a stream for a visitor; `onOver` is called once, when it is done. */
  welcome(socket: AppSocket, visit: Visit, onOver: () => void): void;
}

/** The publication of a session that a port leads to. */
export interface Claim extends PublicationId {
  readonly session: PublishingSession;
}

/** A visitor who has a place. */
interface Visitor {
  readonly socket: AppSocket;
  readonly release: () => void;
}

/** Visitors that a port keeps while its client is not connected; further ones are refused. */
const MAX_WAITING = 64;

/** Where one client's port leads: to a publication of its session, or for a while to nobody, when visitors wait. */
export class PublishedPort {
  readonly clientId: string;
  readonly host: string;
  readonly port: number;
  /** By the system's wall clock, in milliseconds since 1970. */
  readonly sinceMs: number;
  #claim: Claim | undefined;
  #waiting: Visitor[] = [];
  #visitors = 0;

  constructor(clientId: string, place: { host: string; port: number }, sinceMs: number) {
    this.clientId = clientId;
    this.host = place.host;
    this.port = place.port;
    this.sinceMs = sinceMs;
  }

  get claim(): Claim | undefined {
    return this.#claim;
  }

  /** Visitors who are there now. */
  get visitors(): number {
    return this.#visitors;
  }

  /** It leads there from now on; those that have waited go there. */
  leadTo(claim: Claim): void {
    this.#claim = claim;
    for (const visitor of this.#waiting.splice(0)) this.#hand(visitor, claim);
  }

  /** Its client is not connected: visitors wait. */
  leadNowhere(): void {
    this.#claim = undefined;
  }

  /** A visitor has come, and has a place. @returns false when it was refused: too many wait */
  receive(socket: AppSocket, release: () => void): boolean {
    const visitor = { socket, release };
    if (this.#claim === undefined && this.#waiting.length >= MAX_WAITING) {
      refuse(visitor);
      return false;
    }
    this.#visitors++;
    if (this.#claim === undefined) this.#waiting.push(visitor);
    else this.#hand(visitor, this.#claim);
    return true;
  }

  /** Those that wait are refused; those that have a stream go on. */
  close(): void {
    this.#claim = undefined;
    for (const visitor of this.#waiting.splice(0)) {
      this.#visitors--;
      refuse(visitor);
    }
  }

  #hand({ socket, release }: Visitor, { session, slot, generation }: Claim): void {
    const addresses = addressesOf(socket);
    const onOver = () => {
      this.#visitors--;
      release();
    };
    if (addresses === undefined) {
      // It has gone meanwhile.
      socket.destroy('reset');
      onOver();
      return;
    }
    const { remotePort: visitorPort } = socket;
    session.welcome(socket, { slot, generation, ...addresses, visitorPort, localPort: this.port }, onOver);
  }
}

function refuse({ socket, release }: Visitor): void {
  socket.destroy('reset');
  release();
}

/** Both addresses of a connection, as bytes of one family; undefined once it is closed. */
function addressesOf(socket: AppSocket): Pick<Visit, 'visitor' | 'local'> | undefined {
  const { remoteAddress, localAddress } = socket;
  if (remoteAddress === '' || localAddress === '') return undefined;
  return {
    visitor: addressBytes(plainAddress(remoteAddress)),
    local: addressBytes(plainAddress(localAddress)),
  };
}
