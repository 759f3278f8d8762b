import { FIRST_CONCENTRATOR_FLOW } from '../../codec/wire.ts';
import { controlItem } from '../../control/control-item.ts';
import type { ControlQueue } from '../../control/control-queue.ts';
import type { Destination } from '../../destination.ts';
import { ERROR_CODE, type ErrorName, StreamError } from '../../errors.ts';
import { rowOf } from '../../steering/modes.ts';
import { checkPolicy, fieldsOfPolicy, isModeAlone } from '../../steering/policy-frame.ts';
import { askedOfPeer, type SteeringPolicy, type StreamPolicy } from '../../steering/steering-policy.ts';
import { DEFAULT_FLOW_POLICY, type FlowSteering } from '../steering/flow-steering.ts';
import { Flow } from './flow.ts';
import type { FlowTable } from './flow-table.ts';

export interface OwnFlowsOptions {
  readonly role: 'client' | 'concentrator';
  readonly table: FlowTable;
  readonly steering: FlowSteering;
  readonly control: ControlQueue;
}

/** What the concentrator allows at a time. */
export interface FlowLimits {
  readonly maxFlows: number;
  readonly maxAssociations: number;
}

/** The associations and flows that this end begins, and the ends that it puts to any (SPEC.md section 13). */
export class OwnFlows {
  readonly #options: OwnFlowsOptions;
  #nextAssociation = 0;
  #nextFlow: number;

  constructor(options: OwnFlowsOptions) {
    this.#options = options;
    this.#nextFlow = options.role === 'client' ? 0 : FIRST_CONCENTRATOR_FLOW;
  }

  /** @throws StreamError `resourceExceeded` */
  openAssociation({ maxAssociations }: FlowLimits): number {
    const { associations } = this.#options.table;
    if (associations.size >= maxAssociations) {
      throw new StreamError('resourceExceeded', `the concentrator allows ${maxAssociations} associations`);
    }
    const id = this.#nextAssociation++;
    associations.set(id, { id, flows: new Set() });
    return id;
  }

  endAssociation(associationId: number, error: ErrorName): void {
    const { table } = this.#options;
    const association = table.associations.get(associationId);
    if (association === undefined) return;
    table.removeAssociation(association);
    this.#tellEnd(associationId, true, error);
  }

  /**
   * @param asWanted by default as the other flows of the association: what nobody has asked for may use no other uplinks
   * @throws StreamError `resourceExceeded`, or `cancelled` where the association has ended
   */
  openFlow(
    associationId: number,
    destination: Destination,
    asWanted: StreamPolicy | undefined,
    { maxFlows }: FlowLimits,
  ): number {
    const { table, steering, control } = this.#options;
    const association = table.associations.get(associationId);
    if (association === undefined) throw new StreamError('cancelled', 'the association has ended');
    const [other] = association.flows;
    const policy = asWanted ?? other?.steered.policy ?? DEFAULT_FLOW_POLICY;
    checkPolicy(policy);
    if (table.count >= maxFlows) throw new StreamError('resourceExceeded', `more than ${maxFlows} flows`);
    if (!table.tryReserve()) throw new StreamError('resourceExceeded', 'no memory for a flow');
    const flow = this.#begin(() => {
      const steered = steering.begin(policy);
      return new Flow({ id: this.#nextFlow++, association, destination, steered });
    });
    const asked = askedOfPeer(policy);
    const mode = rowOf(asked.mode).wire;
    const frame = { type: 'flow', flowId: flow.id, associationId, mode, ...destination } as const;
    const item = controlItem(frame, 2, () => table.get(flow.id) === flow);
    flow.announce(item, mode);
    table.add(flow);
    control.push(item);
    if (!isModeAlone(asked)) this.#tellSteering(flow, asked);
    return flow.id;
  }

  /** @throws StreamError `resourceExceeded` for a policy that is one too many; nothing has changed then */
  steer(flow: Flow, policy: StreamPolicy): void {
    checkPolicy(policy);
    this.#options.steering.steer(flow.steered, policy);
    this.#tellSteering(flow, askedOfPeer(policy));
  }

  end(flow: Flow, error: ErrorName): void {
    this.#options.table.remove(flow);
    this.#tellEnd(flow.id, false, error);
  }

  /** Gives the memory back where there is no flow after all. */
  #begin(make: () => Flow): Flow {
    try {
      return make();
    } catch (error) {
      this.#options.table.giveBack();
      throw error;
    }
  }

  #tellSteering(flow: Flow, policy: SteeringPolicy): void {
    const { table, control, role } = this.#options;
    // The frame is the client's alone; how the client sends in a flow is its own matter.
    if (role === 'concentrator') return;
    const generation = ++flow.steeringGeneration;
    const frame = {
      type: 'flowSteering',
      flowId: flow.id,
      ...fieldsOfPolicy(policy, generation),
    } as const;
    const isCurrent = () => generation === flow.steeringGeneration && table.get(flow.id) === flow;
    control.push(controlItem(frame, 2, isCurrent));
  }

  #tellEnd(id: number, isAssociation: boolean, error: ErrorName): void {
    const frame = { type: 'flowEnd', id, isAssociation, code: ERROR_CODE[error] } as const;
    this.#options.control.push(controlItem(frame));
  }
}
