import { encodeAnnouncement, SEQUENCES } from '../../codec/datagram-message.ts';
import type { ControlItem } from '../../control/control-item.ts';
import type { Destination } from '../../destination.ts';
import { PIECE_BYTES } from '../../memory/footprint.ts';
import { CarriedByUplink } from '../../uplink/carried-bytes.ts';
import type { OrderHold } from '../receive/order-hold.ts';
import { SeenWindow } from '../receive/seen-window.ts';
import type { SteeredFlow } from '../steering/steered-flow.ts';
import { beginsQuic, WholeLengths } from './quic-start.ts';

/**
 * Sequences that are told apart below the highest of a flow: 40 ms at 100,000 datagrams a second, and two seconds of a video, in which a
 * copy over the slower path must come. SPEC.md section 13 wants 256.
 */
export const SEQUENCE_WINDOW = 4_096;
/** What a flow takes of the budget: its window, what is known of it here and in the programs. */
export const FLOW_BYTES = SEQUENCE_WINDOW / 8 + 3 * PIECE_BYTES;

/** One source of datagrams, and its flows. */
export interface Association {
  readonly id: number;
  readonly flows: Set<Flow>;
}

export interface FlowOptions {
  readonly id: number;
  readonly association: Association;
  readonly destination: Destination;
  readonly steered: SteeredFlow;
}

/** The datagrams between an association and a destination, as one end knows them. */
export class Flow {
  readonly id: number;
  readonly association: Association;
  readonly destination: Destination;
  readonly steered: SteeredFlow;
  /** The newest FLOW_STEERING that was sent or seen; 0 before the first. */
  steeringGeneration = 0;
  sentDatagrams = 0;
  sentBytes = 0;
  receivedDatagrams = 0;
  receivedBytes = 0;
  doubledDatagrams = 0;
  resentDatagrams = 0;
  readonly #wholes = new WholeLengths();
  /** It finds out by itself how long its datagrams may be: longer ones than have passed whole are dropped where they would be cut. */
  #isQuic = false;
  readonly carried = new CarriedByUplink();
  /** For what is spread over paths at a time; made with the first such datagram. */
  order: OrderHold | undefined;
  readonly #received = new SeenWindow(SEQUENCE_WINDOW);
  /** What is in datagrams until the frame has arrived. */
  #announcement: Uint8Array | undefined;
  #announcing: ControlItem | undefined;
  #nextSequence = 0;

  constructor({ id, association, destination, steered }: FlowOptions) {
    this.id = id;
    this.association = association;
    this.destination = destination;
    this.steered = steered;
  }

  /** This end has begun it: each datagram says what it is, until the peer has the frame. */
  announce(item: ControlItem, mode: number): void {
    this.#announcing = item;
    this.#announcement = encodeAnnouncement({
      associationId: this.association.id,
      mode,
      ...this.destination,
    });
  }

  /** What a datagram that leaves now must have in its head. */
  get announcement(): Uint8Array | undefined {
    if (this.#announcing?.isReceipted) {
      this.#announcing = undefined;
      this.#announcement = undefined;
    }
    return this.#announcement;
  }

  /** A datagram leaves or has come. */
  onDatagram(payload: Uint8Array): void {
    if (this.sentDatagrams + this.receivedDatagrams === 0) this.#isQuic = beginsQuic(payload);
  }

  /** Whether a datagram of so many bytes may be cut. */
  mayCut(bytes: number): boolean {
    return !this.#isQuic || this.#wholes.relyOn(bytes);
  }

  /** A datagram of so many bytes has left whole. */
  onWhole(bytes: number): void {
    if (this.#isQuic) this.#wholes.onWhole(bytes);
  }

  /** The number of the next datagram, for the wire. */
  takeSequence(): number {
    const sequence = this.#nextSequence;
    this.#nextSequence = (sequence + 1) % SEQUENCES;
    return sequence;
  }

  /** The full length of a sequence of the wire: that nearest to the highest that has come (RFC 1982). Negative: before the first. */
  fullSequence(wireSequence: number): number {
    const { highest } = this.#received;
    const ahead = (wireSequence - highest) & (SEQUENCES - 1);
    return highest + (ahead < SEQUENCES / 2 ? ahead : ahead - SEQUENCES);
  }

  /** Whether a datagram has come, or is too old to say. */
  hasReceived(fullSequence: number): boolean {
    return fullSequence < 0 || this.#received.has(fullSequence);
  }

  /** @returns whether it is new */
  onReceived(fullSequence: number): boolean {
    return fullSequence >= 0 && this.#received.add(fullSequence);
  }
}
