import type { MemoryBudget } from '../../memory-budget.ts';
import type { Reassembly } from '../receive/reassembly.ts';
import type { FlowSteering } from '../steering/flow-steering.ts';
import { type Association, FLOW_BYTES, type Flow } from './flow.ts';

/** The flows and associations of a session that are open. */
export class FlowTable {
  readonly associations = new Map<number, Association>();
  readonly #flows = new Map<number, Flow>();
  readonly #memory: MemoryBudget;
  readonly #steering: FlowSteering;
  readonly #reassembly: Reassembly;
  /** Those that hold datagrams back, or may. */
  readonly #ordered = new Set<Flow>();

  constructor(memory: MemoryBudget, steering: FlowSteering, reassembly: Reassembly) {
    this.#memory = memory;
    this.#steering = steering;
    this.#reassembly = reassembly;
  }

  get count(): number {
    return this.#flows.size;
  }

  get all(): Iterable<Flow> {
    return this.#flows.values();
  }

  /** Those whose datagrams are put in order. */
  get ordered(): Iterable<Flow> {
    return this.#ordered;
  }

  get(flowId: number): Flow | undefined {
    return this.#flows.get(flowId);
  }

  /** Takes what a flow costs. @returns false where there is no memory for it */
  tryReserve(): boolean {
    return this.#memory.tryTake(FLOW_BYTES);
  }

  /** What was reserved for a flow that did not come to be. */
  giveBack(): void {
    this.#memory.give(FLOW_BYTES);
  }

  /** One for which memory was reserved. */
  add(flow: Flow): void {
    this.#flows.set(flow.id, flow);
    flow.association.flows.add(flow);
  }

  /** Its datagrams are put in order from now on. */
  order(flow: Flow): void {
    this.#ordered.add(flow);
  }

  remove(flow: Flow): void {
    if (!this.#flows.delete(flow.id)) return;
    flow.association.flows.delete(flow);
    flow.order?.close();
    this.#ordered.delete(flow);
    this.#reassembly.forget(flow.id);
    this.#steering.end(flow.steered);
    this.#memory.give(FLOW_BYTES);
  }

  /** With all its flows. */
  removeAssociation(association: Association): void {
    for (const flow of [...association.flows]) this.remove(flow);
    this.associations.delete(association.id);
  }

  /** The session is over. */
  clear(): void {
    for (const association of [...this.associations.values()]) this.removeAssociation(association);
  }
}
