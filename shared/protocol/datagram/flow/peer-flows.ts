import type { FlowEndFrame } from '../../codec/datagram-frames.ts';
import type { FlowAnnouncement } from '../../codec/datagram-message.ts';
import type { FlowSteeringFrame } from '../../codec/steering-frame.ts';
import { FIRST_CONCENTRATOR_FLOW } from '../../codec/wire.ts';
import { type ControlItem, controlItem } from '../../control/control-item.ts';
import type { ControlQueue } from '../../control/control-queue.ts';
import { ERROR_CODE, type ErrorName, errorName, StreamError } from '../../errors.ts';
import { knownMode } from '../../steering/modes.ts';
import { policyOfFrame } from '../../steering/policy-frame.ts';
import type { SteeringPolicy } from '../../steering/steering-policy.ts';
import type { DatagramEvent } from '../datagram-commands.ts';
import { SeenWindow } from '../receive/seen-window.ts';
import { DEFAULT_FLOW_POLICY, type FlowSteering } from '../steering/flow-steering.ts';
import type { SteeredFlow } from '../steering/steered-flow.ts';
import { type Association, Flow } from './flow.ts';
import type { FlowTable } from './flow-table.ts';
import type { FlowLimits } from './own-flows.ts';

/**
 * Numbers of the peer's that are told apart below the highest. It gives them in order, and what names them overtakes each other by no more
 * than it has open at a time.
 */
export const KNOWN_NUMBERS = 8_192;
/** FLOW_STEERING that has overtaken its FLOW; of more the oldest is forgotten, and its flow goes by its mode. */
const MAX_EARLY_STEERING = 64;
/** Refusals that the peer has not confirmed; a flood of flows gets no further answers. */
export const MAX_REFUSALS = 256;
/** A new flow may come before the frames that end others: the peer is held to its limit with so much to spare. */
const SPARE_SHARE = 1 / 4;

export interface PeerFlowsOptions {
  readonly role: 'client' | 'concentrator';
  readonly table: FlowTable;
  readonly steering: FlowSteering;
  readonly control: ControlQueue;
  emit(event: DatagramEvent): void;
}

/** The flows and associations that the peer begins, and what it says of any (SPEC.md section 13). */
export class PeerFlows {
  readonly #options: PeerFlowsOptions;
  /** The lowest number of the peer's flows. */
  readonly #first: number;
  readonly #knownFlows = new SeenWindow(KNOWN_NUMBERS);
  readonly #knownAssociations = new SeenWindow(KNOWN_NUMBERS);
  /** By flow. */
  readonly #earlySteering = new Map<number, FlowSteeringFrame>();
  #refusals: ControlItem[] = [];
  #refused = 0;

  constructor(options: PeerFlowsOptions) {
    this.#options = options;
    this.#first = options.role === 'client' ? FIRST_CONCENTRATOR_FLOW : 0;
  }

  /** Flows of the peer's for which there was no room. */
  get refused(): number {
    return this.#refused;
  }

  /** Whether the number is one that the peer gives. */
  isPeers(flowId: number): boolean {
    return flowId >= FIRST_CONCENTRATOR_FLOW === (this.#options.role === 'client');
  }

  /** FLOW, or a datagram that announces its flow. @returns the flow if it is open now */
  announced(flowId: number, announcement: FlowAnnouncement, limits: FlowLimits): Flow | undefined {
    const { table, emit } = this.#options;
    const known = table.get(flowId);
    if (known !== undefined) return known;
    if (!this.isPeers(flowId) || !this.#knownFlows.add(flowId - this.#first)) return undefined;
    const association = this.#associationOf(announcement.associationId, limits);
    if (association === undefined) return undefined;
    const flow = this.#begin(flowId, association, announcement, limits);
    if (flow === undefined) {
      this.#refuse(flowId, false);
      return undefined;
    }
    const { destination, steered } = flow;
    const associationId = association.id;
    emit({ type: 'flow-opened', flow: { flowId, associationId, destination, mode: steered.policy.mode } });
    return flow;
  }

  onEnd({ id, isAssociation, code }: FlowEndFrame): void {
    const { table, emit, role } = this.#options;
    const error = errorName(code);
    if (isAssociation) {
      // A FLOW that comes later does not begin it again.
      if (role === 'concentrator') this.#knownAssociations.add(id);
      const association = table.associations.get(id);
      if (association === undefined) return;
      table.removeAssociation(association);
      emit({ type: 'association-ended', associationId: id, error });
      return;
    }
    if (this.isPeers(id)) this.#knownFlows.add(id - this.#first);
    this.#earlySteering.delete(id);
    const flow = table.get(id);
    if (flow === undefined) return;
    table.remove(flow);
    emit({ type: 'flow-ended', flowId: id, error });
  }

  /** At the concentrator. */
  onSteering(frame: FlowSteeringFrame): void {
    const { table, steering, emit } = this.#options;
    const flow = table.get(frame.flowId);
    if (flow === undefined) {
      this.#keepEarly(frame);
      return;
    }
    if (frame.generation <= flow.steeringGeneration) return;
    flow.steeringGeneration = frame.generation;
    try {
      steering.steer(flow.steered, policyOf(frame));
    } catch (error) {
      if (!(error instanceof StreamError)) throw error;
      // It must not go on over uplinks that it may no longer use.
      table.remove(flow);
      this.#tellEnd(flow.id, false, error.code);
      emit({ type: 'flow-ended', flowId: flow.id, error: error.code });
    }
  }

  /** Refusals that have arrived make room for others. */
  settle(): void {
    if (this.#refusals.length > 0) this.#refusals = this.#refusals.filter(({ isReceipted }) => !isReceipted);
  }

  #associationOf(id: number, { maxAssociations }: FlowLimits): Association | undefined {
    const { associations } = this.#options.table;
    const known = associations.get(id);
    if (known !== undefined || this.#options.role === 'client') return known;
    if (!this.#knownAssociations.add(id)) return undefined;
    if (associations.size >= withSpare(maxAssociations)) {
      this.#refuse(id, true);
      return undefined;
    }
    const association = { id, flows: new Set<Flow>() };
    associations.set(id, association);
    return association;
  }

  #begin(
    id: number,
    association: Association,
    announcement: FlowAnnouncement,
    { maxFlows }: FlowLimits,
  ): Flow | undefined {
    const { table } = this.#options;
    if (table.count >= withSpare(maxFlows) || !table.tryReserve()) return undefined;
    const early = this.#earlySteering.get(id);
    this.#earlySteering.delete(id);
    const steered = this.#steered(early, announcement);
    if (steered === undefined) {
      table.giveBack();
      return undefined;
    }
    const { host, port } = announcement;
    const flow = new Flow({ id, association, destination: { host, port }, steered });
    flow.steeringGeneration = early?.generation ?? 0;
    table.add(flow);
    return flow;
  }

  #steered(early: FlowSteeringFrame | undefined, { mode }: FlowAnnouncement): SteeredFlow | undefined {
    const policy =
      early === undefined ? { mode: knownMode(mode) ?? DEFAULT_FLOW_POLICY.mode } : policyOf(early);
    try {
      return this.#options.steering.begin(policy);
    } catch (error) {
      if (!(error instanceof StreamError)) throw error;
      return undefined;
    }
  }

  #keepEarly(frame: FlowSteeringFrame): void {
    const { flowId, generation } = frame;
    if (!this.isPeers(flowId) || this.#knownFlows.has(flowId - this.#first)) return;
    if ((this.#earlySteering.get(flowId)?.generation ?? 0) >= generation) return;
    this.#earlySteering.set(flowId, frame);
    if (this.#earlySteering.size <= MAX_EARLY_STEERING) return;
    for (const oldest of this.#earlySteering.keys()) {
      this.#earlySteering.delete(oldest);
      return;
    }
  }

  #refuse(id: number, isAssociation: boolean): void {
    this.#refused++;
    if (this.#refusals.length < MAX_REFUSALS) {
      this.#refusals.push(this.#tellEnd(id, isAssociation, 'resourceExceeded'));
    }
  }

  #tellEnd(id: number, isAssociation: boolean, error: ErrorName): ControlItem {
    const item = controlItem({ type: 'flowEnd', id, isAssociation, code: ERROR_CODE[error] });
    this.#options.control.push(item);
    return item;
  }
}

function withSpare(limit: number): number {
  return Math.ceil(limit * (1 + SPARE_SHARE));
}

function policyOf(frame: FlowSteeringFrame): SteeringPolicy {
  return { ...policyOfFrame(frame), mode: knownMode(frame.mode) ?? DEFAULT_FLOW_POLICY.mode };
}
