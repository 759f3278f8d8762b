import type {
  DatagramCommands,
  DatagramEvent,
  DatagramSetup,
} from '../../shared/protocol/datagram/datagram-commands.ts';
import type { Destination } from '../../shared/protocol/destination.ts';
import { type ErrorName, StreamError } from '../../shared/protocol/errors.ts';
import type { StreamPolicy } from '../../shared/protocol/steering/steering-policy.ts';
import type { CarriedBytes } from '../../shared/protocol/uplink/carried-bytes.ts';
import type { DatagramCounts } from './datagram-counts.ts';
import type { DatagramSession } from './datagram-side.ts';
import type { Flow, FlowCarrier } from './flow.ts';

/** An association of an application, as its session's table sees it. */
export interface TableMember {
  /** The last datagram, either way. */
  readonly usedMs: number;
  /** How many of its flows are in the table. */
  readonly tableFlowCount: number;
  onDatagram(flow: Flow, payload: Uint8Array): void;
  /** Somebody has sent whom the application has not named. @returns the flow for what comes from there */
  onFlowOpened(destination: Destination, flowId: number): Flow | undefined;
  /** The flow is no longer in the table. */
  onFlowEnded(flow: Flow, error: ErrorName): void;
  /** Ends the flow that was not used for the longest time, to make room. */
  endOldestFlow(): void;
  /** Nothing of it is in the table any more. */
  onOutOfTable(error: ErrorName): void;
}

/**
 * The flows and associations of applications in one session, within the bounds that the concentrator has set. At a bound the
 * oldest gives way: a flow of whoever has most of them, an association of whoever was silent longest. Its application notices
 * nothing but another port at the concentrator, if it sends again.
 */
export class FlowTable implements FlowCarrier {
  readonly session: DatagramSession;
  readonly #counts: DatagramCounts;
  readonly #members = new Map<number, TableMember>();
  readonly #flows = new Map<number, { readonly member: TableMember; readonly flow: Flow }>();
  #setup: DatagramSetup | undefined;
  #isGoingAway = false;
  #isOver = false;

  constructor(session: DatagramSession, counts: DatagramCounts) {
    this.session = session;
    this.#counts = counts;
  }

  /** Whether something new can begin in the session. */
  get isReady(): boolean {
    return this.#setup !== undefined && !this.#isGoingAway && !this.#isOver;
  }

  /** Nothing new begins in it; what has begun goes on. */
  get isGoingAway(): boolean {
    return this.#isGoingAway;
  }

  get flowCount(): number {
    return this.#flows.size;
  }

  /** The last datagram in it, either way; undefined: it has no association. */
  get usedMs(): number | undefined {
    let latest: number | undefined;
    for (const { usedMs } of this.#members.values()) latest = Math.max(latest ?? usedMs, usedMs);
    return latest;
  }

  /** Throws StreamError where the session takes no other. @returns its number */
  openAssociation(member: TableMember): number {
    if (this.#members.size >= (this.#setup?.maxAssociations ?? 0)) this.#displaceAssociation();
    const id = this.#begin((datagrams) => datagrams.openAssociation());
    this.#members.set(id, member);
    return id;
  }

  endAssociation(id: number): void {
    const member = this.#members.get(id);
    if (member === undefined) return;
    this.session.input(({ datagrams }) => datagrams.endAssociation(id, 'cancelled'));
    this.#remove(id, member, 'cancelled');
  }

  /** Throws StreamError where the session takes no other. @returns its number */
  openFlow(member: TableMember, associationId: number, flow: Flow, policy: StreamPolicy): number {
    if (this.#flows.size >= (this.#setup?.maxFlows ?? 0)) this.#displaceFlow();
    const id = this.#begin((datagrams) => datagrams.openFlow(associationId, flow.destination, policy));
    this.#flows.set(id, { member, flow });
    return id;
  }

  endFlow(flowId: number, error: ErrorName): void {
    if (!this.#flows.delete(flowId)) return;
    this.session.input(({ datagrams }) => datagrams.endFlow(flowId, error));
  }

  steerFlow(flowId: number, policy: StreamPolicy): void {
    try {
      this.session.input(({ datagrams }) => datagrams.steerFlow(flowId, policy));
    } catch (error) {
      if (!(error instanceof StreamError)) throw error;
    }
  }

  carriedOf(flowId: number): readonly CarriedBytes[] {
    return this.session.carriedOfFlow(flowId);
  }

  send(flowId: number, payload: Uint8Array): void {
    this.session.input(({ datagrams }) => datagrams.send(flowId, payload));
  }

  onEvent(event: DatagramEvent): void {
    switch (event.type) {
      case 'datagrams-offered':
        this.#setup = event.setup;
        return;
      case 'datagram': {
        const open = this.#flows.get(event.flowId);
        open?.member.onDatagram(open.flow, event.payload);
        return;
      }
      case 'flow-opened': {
        const { flowId, associationId, destination } = event.flow;
        const member = this.#members.get(associationId);
        const flow = member?.onFlowOpened(destination, flowId);
        if (member !== undefined && flow !== undefined) this.#flows.set(flowId, { member, flow });
        else this.session.input(({ datagrams }) => datagrams.endFlow(flowId, 'cancelled'));
        return;
      }
      case 'flow-ended': {
        const open = this.#flows.get(event.flowId);
        this.#flows.delete(event.flowId);
        open?.member.onFlowEnded(open.flow, event.error);
        return;
      }
      case 'association-ended': {
        const member = this.#members.get(event.associationId);
        if (member !== undefined) this.#remove(event.associationId, member, event.error);
      }
    }
  }

  /** The session is over. */
  close(): void {
    this.#isOver = true;
    for (const [id, member] of [...this.#members]) this.#remove(id, member, 'goingAway');
  }

  #begin(command: (datagrams: DatagramCommands) => number): number {
    try {
      return this.session.input(({ datagrams }) => command(datagrams));
    } catch (error) {
      if (error instanceof StreamError && error.code === 'goingAway') this.#isGoingAway = true;
      throw error;
    }
  }

  #remove(id: number, member: TableMember, error: ErrorName): void {
    this.#members.delete(id);
    for (const [flowId, open] of this.#flows) if (open.member === member) this.#flows.delete(flowId);
    member.onOutOfTable(error);
  }

  #displaceFlow(): void {
    const members = [...this.#members.values()];
    const largest = members.reduce<TableMember | undefined>(
      (most, one) => (one.tableFlowCount > (most?.tableFlowCount ?? 0) ? one : most),
      undefined,
    );
    largest?.endOldestFlow();
  }

  #displaceAssociation(): void {
    const [oldest] = [...this.#members].sort(([, one], [, other]) => one.usedMs - other.usedMs);
    if (oldest === undefined) return;
    this.#counts.displacedAssociations++;
    this.endAssociation(oldest[0]);
  }
}
