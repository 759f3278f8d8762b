import type { Destination } from '../../shared/protocol/destination.ts';
import type { ErrorName } from '../../shared/protocol/errors.ts';
import type { StreamPolicy } from '../../shared/protocol/steering/steering-policy.ts';
import type { Flow, FlowPlace } from './flow.ts';
import type { FlowTable, TableMember } from './flow-table.ts';

/** Whose place it is: an association. */
export interface PlaceOwner {
  /** A datagram for the application. */
  onDatagram(flow: Flow, payload: Uint8Array): void;
  /** Somebody has sent there. @returns the flow for it, which then goes by this place; undefined: it is not wanted */
  onFlowOpened(place: AssociationPlace, destination: Destination, flowId: number): Flow | undefined;
  /** The flow is no longer in the table. */
  onFlowEnded(flow: Flow, error: ErrorName): void;
  /** Ends one of its flows there, to make room: the one that was not used for the longest time. */
  endOldestFlow(place: AssociationPlace): void;
  /** Nothing of it is in the table any more. */
  onOutOfTable(place: AssociationPlace, error: ErrorName): void;
}

/** What an association has in the table of one session: there it sends from one port of the concentrator. */
export class AssociationPlace implements TableMember, FlowPlace {
  readonly table: FlowTable;
  readonly #owner: PlaceOwner;
  readonly #id: number;
  #flowCount = 0;
  #usedMs: number;

  /** @throws StreamError where the session takes no other association */
  constructor(table: FlowTable, owner: PlaceOwner, nowMs: number) {
    this.table = table;
    this.#owner = owner;
    this.#usedMs = nowMs;
    this.#id = table.openAssociation(this);
  }

  get usedMs(): number {
    return this.#usedMs;
  }

  get tableFlowCount(): number {
    return this.#flowCount;
  }

  touch(nowMs: number): void {
    this.#usedMs = nowMs;
  }

  /** @throws StreamError where the session takes no other flow */
  open(flow: Flow, policy: StreamPolicy): void {
    this.enter(flow, this.table.openFlow(this, this.#id, flow, policy));
  }

  /** The flow has this number in the table. */
  enter(flow: Flow, flowId: number): void {
    flow.entry = { place: this, id: flowId };
    this.#flowCount++;
  }

  leave(flow: Flow): void {
    flow.entry = undefined;
    this.#flowCount--;
  }

  /** Ends all that is there. */
  end(): void {
    this.table.endAssociation(this.#id);
  }

  onDatagram(flow: Flow, payload: Uint8Array): void {
    this.#owner.onDatagram(flow, payload);
  }

  onFlowOpened(destination: Destination, flowId: number): Flow | undefined {
    return this.#owner.onFlowOpened(this, destination, flowId);
  }

  onFlowEnded(flow: Flow, error: ErrorName): void {
    this.leave(flow);
    this.#owner.onFlowEnded(flow, error);
  }

  endOldestFlow(): void {
    this.#owner.endOldestFlow(this);
  }

  onOutOfTable(error: ErrorName): void {
    this.#owner.onOutOfTable(this, error);
  }
}
