import {
  DatagramReader,
  decodeFeedback,
  decodePath,
  kindOf,
  MESSAGE_KIND,
} from '../../codec/datagram-message.ts';
import type { MemoryBudget } from '../../memory-budget.ts';
import type { Now } from '../../now.ts';
import type { Role } from '../../role.ts';
import type { Uplink } from '../../uplink/uplink.ts';
import type { DatagramEvent, IncomingPacket } from '../datagram-commands.ts';
import type { DatagramCounters } from '../datagram-counters.ts';
import type { Flow } from '../flow/flow.ts';
import type { FlowTable } from '../flow/flow-table.ts';
import type { FlowLimits } from '../flow/own-flows.ts';
import type { PeerFlows } from '../flow/peer-flows.ts';
import { OrderHold } from '../receive/order-hold.ts';
import type { WantedFeedback } from '../receive/path-receiver.ts';
import type { Reassembly } from '../receive/reassembly.ts';
import type { FlowSteering } from '../steering/flow-steering.ts';
import type { DatagramTuning } from './datagram-tuning.ts';
import { isBounded, type PathEnd, type PathTable } from './path-table.ts';

export interface IntakeOptions {
  readonly role: Role;
  readonly now: Now;
  readonly tuning: DatagramTuning;
  readonly memory: MemoryBudget;
  readonly paths: PathTable;
  readonly table: FlowTable;
  readonly peerFlows: PeerFlows;
  readonly reassembly: Reassembly;
  readonly steering: FlowSteering;
  readonly counters: DatagramCounters;
  /** What the concentrator allows now. */
  readonly limits: FlowLimits;
  /** Concentrator: an uplink that has a subflow, or had one a moment ago. */
  knownUplink(name: string): Uplink | undefined;
  emit(event: DatagramEvent): void;
}

/** What arrives at the datagram plane: packets, and messages in frames. Nothing in a message ends the session. */
export class Intake {
  readonly #options: IntakeOptions;
  readonly #reader = new DatagramReader();

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** A packet that has authenticated. */
  onPacket(packet: IncomingPacket): void {
    const { role, paths, counters } = this.#options;
    const { message } = packet;
    const end = role === 'concentrator' ? paths.known(packet.path) : paths.get(packet.path);
    if (end === undefined || (role === 'client' && end.path === undefined)) {
      counters.drops['unknown-path']++;
      return;
    }
    const isNewest = packet.counter > end.receiver.largest;
    const kind = kindOf(message);
    if (!end.receiver.onPacket(packet.counter, wantedFor(kind))) {
      counters.drops.repeated++;
      return;
    }
    if (packet.epoch > end.epoch) end.epoch = packet.epoch;
    if (packet.isMoved && end.path !== undefined) paths.begin(end, end.path.uplink);
    end.allowanceBytes += packet.packetBytes;
    if (kind === MESSAGE_KIND.datagram) this.#onDatagram(message, end.path?.uplink);
    else if (kind === MESSAGE_KIND.feedback) this.#onFeedback(end, message);
    else if (kind === MESSAGE_KIND.path) this.#onPath(end, packet, isNewest);
  }

  /** A message that came in a DATAGRAM frame. */
  onFrame(message: Uint8Array, uplink: Uplink | undefined): void {
    if (kindOf(message) === MESSAGE_KIND.datagram) this.#onDatagram(message, uplink);
  }

  /** Hands on what has waited for long enough for those before it, and gives up what has waited for parts. */
  expire(): void {
    const { table, reassembly } = this.#options;
    reassembly.expire();
    for (const { order } of table.ordered) order?.expire();
  }

  get deadlineMs(): number {
    const { table, reassembly } = this.#options;
    let { deadlineMs } = reassembly;
    for (const { order } of table.ordered) {
      if (order !== undefined) deadlineMs = Math.min(deadlineMs, order.deadlineMs);
    }
    return deadlineMs;
  }

  #onPath(end: PathEnd, { message, counter, packetBytes }: IncomingPacket, isNewest: boolean): void {
    const { role, paths, knownUplink, counters } = this.#options;
    const told = decodePath(message);
    if (told === undefined) {
      counters.drops.malformed++;
      return;
    }
    if (role === 'client') {
      // An older one has the token of an address that the path was at before.
      if (told.token === undefined || counter < end.peersTokenCounter) return;
      end.peersToken = told.token;
      end.peersTokenCounter = counter;
      return;
    }
    if (!isNewest) return;
    const uplink = knownUplink(told.uplinkName);
    if (uplink === undefined || uplink === end.path?.uplink) return;
    if (end.path === undefined) paths.makeRoom();
    paths.begin(end, uplink);
    end.allowanceBytes = packetBytes;
  }

  #onFeedback(cameOn: PathEnd, message: Uint8Array): void {
    const { paths, counters } = this.#options;
    const feedback = decodeFeedback(message);
    if (feedback === undefined) {
      counters.drops.malformed++;
      return;
    }
    const end = paths.get(feedback.path);
    if (end?.path === undefined || feedback.largest >= end.path.nextCounter) return;
    // Only who is at the path's address can have heard the token: others would have somebody else flooded.
    if (isBounded(end) && (end !== cameOn || !paths.confirm(end, feedback.token))) return;
    end.path.onFeedback(feedback);
  }

  #onDatagram(message: Uint8Array, uplink: Uplink | undefined): void {
    const { table, peerFlows, limits, counters, steering } = this.#options;
    const reader = this.#reader;
    if (!reader.read(message)) {
      counters.drops.malformed++;
      return;
    }
    const { flowId, announcement, partCount, payload } = reader;
    let flow = table.get(flowId);
    if (flow === undefined && announcement !== undefined) {
      flow = peerFlows.announced(flowId, announcement, limits);
    }
    if (flow === undefined) {
      counters.drops['unknown-flow']++;
      return;
    }
    if (uplink !== undefined) {
      steering.onReceived(flow.steered, uplink);
      flow.carried.of(uplink.name).receivedBytes += payload.length;
    }
    const sequence = flow.fullSequence(reader.sequence);
    if (flow.hasReceived(sequence)) {
      counters.drops.repeated++;
      return;
    }
    if (partCount === 1) this.#onWhole(flow, sequence, payload);
    else this.#onPart(flow, sequence);
  }

  #onPart(flow: Flow, sequence: number): void {
    const { reassembly } = this.#options;
    const { partIndex: index, partCount: count, payload } = this.#reader;
    const whole = reassembly.add({ flowId: flow.id, sequence, index, count, payload });
    if (whole !== undefined) this.#onWhole(flow, sequence, whole);
  }

  #onWhole(flow: Flow, sequence: number, payload: Uint8Array): void {
    const { counters } = this.#options;
    flow.onReceived(sequence);
    flow.onDatagram(payload);
    flow.receivedDatagrams++;
    flow.receivedBytes += payload.length;
    counters.receivedDatagrams++;
    counters.receivedBytes += payload.length;
    const { isSpread } = this.#reader;
    if (isSpread && flow.order === undefined) this.#order(flow, sequence);
    if (flow.order === undefined) this.#handOn(flow.id, payload);
    else flow.order.add(sequence, payload, isSpread);
  }

  #order(flow: Flow, first: number): void {
    const { now, tuning, memory, table } = this.#options;
    const context = { now, memory, tuning: tuning.datagramOrder };
    flow.order = new OrderHold(first, context, (payload) => this.#handOn(flow.id, payload));
    table.order(flow);
  }

  #handOn(flowId: number, payload: Uint8Array): void {
    this.#options.emit({ type: 'datagram', flowId, payload });
  }
}

/** A kind that is not known may be anything. */
function wantedFor(kind: number): WantedFeedback {
  if (kind === MESSAGE_KIND.feedback) return 'none';
  return kind === MESSAGE_KIND.path ? 'now' : 'soon';
}
