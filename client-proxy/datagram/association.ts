import { type Destination, formatDestination } from '../../shared/protocol/destination.ts';
import { type ErrorName, TributaryError } from '../../shared/protocol/errors.ts';
import type { StreamPolicy } from '../../shared/protocol/steering/steering-policy.ts';
import type { CarriedBytes } from '../../shared/protocol/uplink/carried-bytes.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import type { DatagramDecision, DirectRoute } from '../steering/datagram-decision.ts';
import { countDatagram, type DatagramCounts } from './datagram-counts.ts';
import { type DirectLine, type Flow, type FlowWay, isAsDecided, newFlow } from './flow.ts';
import type { FlowTable, TableMember } from './flow-table.ts';

export interface AssociationOptions {
  /** See `DatagramApplication`. */
  readonly hearsOnlyAsked?: boolean;
  /** What happens to datagrams of this application for a destination now. */
  decide(destination: Destination): DatagramDecision;
  /** The session for what begins now; undefined while there is none that carries datagrams. */
  table(): FlowTable | undefined;
  openDirect(destination: Destination, route: DirectRoute): DirectLine;
  /** A datagram for the application. @param from the same object for all of a flow */
  onDatagram(from: Destination, payload: Uint8Array): void;
  readonly counts: DatagramCounts;
  readonly clock: MonotonicClock;
}

/** Flows of one application: a game has dozens, a DHT hundreds. */
export const MAX_FLOWS = 512;
/** As concentrators keep them (RFC 4787 section 4.3: at least 2 minutes, 5 recommended). */
export const FLOW_IDLE_MS = 300_000;
/** A flow that the concentrator has refused is asked for again after so long, not for each datagram. */
const REFUSED_MS = 1_000;
/** The order of use of flows is exact to so much: to keep it costs something for each datagram. */
const ORDER_STEP_MS = 1_000;

/** How a flow ends that nobody minds: it begins anew with the next datagram. */
const WITHOUT_FAULT: ReadonlySet<ErrorName> = new Set([
  'idleTimeout',
  'cancelled',
  'goingAway',
  'uplinksLost',
]);

/** A flow, for whoever looks at it. */
export interface OpenFlow {
  readonly flow: Flow;
  readonly way: Exclude<FlowWay, { readonly kind: 'block' }>;
  readonly carried: readonly CarriedBytes[];
  /** It begins anew with the next datagram. */
  end(): void;
}

interface Place {
  readonly table: FlowTable;
  readonly id: number;
}

/**
 * What one application sends and receives from one source: a bounded number of flows, each of which goes as the rules say. It
 * outlives sessions: in the next one its flows begin anew when something is sent.
 */
export class Association implements TableMember {
  readonly #options: AssociationOptions;
  /** By destination, the one that was not used for the longest time first. */
  readonly #flows = new Map<string, Flow>();
  /** Where it is in a session. */
  #place: Place | undefined;
  #usedMs: number;
  #tableFlowCount = 0;
  #refusedUntilMs = 0;
  #isOver = false;

  constructor(options: AssociationOptions) {
    this.#options = options;
    this.#usedMs = options.clock();
  }

  get usedMs(): number {
    return this.#usedMs;
  }

  get flowCount(): number {
    return this.#flows.size;
  }

  /** Those that go somewhere. */
  get openFlows(): readonly OpenFlow[] {
    return [...this.#flows.values()].flatMap((flow) => {
      const { way } = flow;
      if (way === undefined || way.kind === 'block') return [];
      const end = () => this.#end(flow, 'cancelled');
      return [{ flow, way, carried: this.#carriedOf(flow, way), end }];
    });
  }

  get tableFlowCount(): number {
    return this.#tableFlowCount;
  }

  /** Whether any of its flows goes past the concentrator. */
  get goesDirectly(): boolean {
    for (const { way } of this.#flows.values()) if (way?.kind === 'direct') return true;
    return false;
  }

  /** What the application sends. The payload is this association's from now on. */
  send(destination: Destination, payload: Uint8Array): void {
    if (this.#isOver) return;
    const flow = this.#flowTo(destination);
    if (flow.way === undefined) this.#follow(flow);
    const way = flow.way!;
    switch (way.kind) {
      case 'steer':
        this.#sendThrough(flow, way.policy, payload);
        return;
      case 'direct':
        way.line.send(payload);
        return;
      case 'block':
        this.#options.counts.drop('blocked');
    }
  }

  /** What has come past the concentrator. */
  onDirectDatagram(from: Destination, payload: Uint8Array): void {
    // Whoever sends from many ports must not fill the table.
    const flow = this.#flows.get(formatDestination(from)) ?? newFlow(from, 0);
    if (flow.way?.kind === 'direct') flow.way.line.onReceived(payload.length);
    this.onDatagram(flow, payload);
  }

  onDatagram(flow: Flow, payload: Uint8Array): void {
    if (this.#isOver) return;
    this.#touch(flow);
    this.#options.onDatagram(flow.destination, payload);
  }

  /** What comes for a name comes from an address, and comes in any case: rules on addresses are not about names. */
  onFlowOpened(destination: Destination, flowId: number): Flow | undefined {
    if (this.#options.hearsOnlyAsked === true && !this.#hasAsked(destination.host)) return undefined;
    const flow = this.#flowTo(destination);
    // Both ends have begun one at the same time: that of the application goes on.
    if (flow.flowId !== undefined) return undefined;
    this.#enter(flow, flowId);
    const decision = this.#options.decide(destination);
    if (decision.kind === 'steer') this.#place!.table.steerFlow(flowId, decision.policy);
    return flow;
  }

  onFlowEnded(flow: Flow, error: ErrorName): void {
    this.#leave(flow);
    if (!WITHOUT_FAULT.has(error)) flow.refusedUntilMs = this.#options.clock() + REFUSED_MS;
  }

  endOldestFlow(): void {
    this.#displace((flow) => flow.flowId !== undefined);
  }

  onOutOfTable(error: ErrorName): void {
    this.#place = undefined;
    for (const flow of this.#flows.values()) this.#leave(flow);
    if (!WITHOUT_FAULT.has(error)) this.#refusedUntilMs = this.#options.clock() + REFUSED_MS;
  }

  /** Nothing of it goes by this table any more: its flows begin anew elsewhere. */
  leaveTable(table: FlowTable): void {
    if (this.#place?.table === table) table.endAssociation(this.#place.id);
  }

  /** The rules may be others, or the way to the concentrator: flows follow. */
  review(): void {
    for (const flow of this.#flows.values()) if (flow.way !== undefined) this.#follow(flow);
  }

  /** Ends the flows in which nothing was sent for long, either way. */
  endIdle(): void {
    const nowMs = this.#options.clock();
    for (const flow of [...this.#flows.values()]) {
      if (nowMs - flow.usedMs >= FLOW_IDLE_MS) this.#end(flow, 'idleTimeout');
    }
  }

  /** The application has gone. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const { way } of this.#flows.values()) if (way?.kind === 'direct') way.line.end();
    this.#place?.table.endAssociation(this.#place.id);
    this.#flows.clear();
  }

  #carriedOf({ flowId }: Flow, way: FlowWay): readonly CarriedBytes[] {
    if (way.kind === 'direct') return way.line.carried;
    return flowId === undefined ? [] : (this.#place?.table.carriedOf(flowId) ?? []);
  }

  #hasAsked(host: string): boolean {
    for (const { destination, way } of this.#flows.values()) {
      if (way !== undefined && destination.host === host) return true;
    }
    return false;
  }

  #flowTo(destination: Destination): Flow {
    const key = formatDestination(destination);
    const known = this.#flows.get(key);
    if (known !== undefined) {
      this.#touch(known);
      return known;
    }
    if (this.#flows.size >= MAX_FLOWS) this.#displace(() => true);
    const nowMs = this.#options.clock();
    this.#usedMs = nowMs;
    const flow = newFlow(destination, nowMs);
    this.#flows.set(key, flow);
    return flow;
  }

  #touch(flow: Flow): void {
    const nowMs = this.#options.clock();
    this.#usedMs = nowMs;
    if (nowMs - flow.usedMs < ORDER_STEP_MS) return;
    flow.usedMs = nowMs;
    const key = formatDestination(flow.destination);
    if (this.#flows.delete(key)) this.#flows.set(key, flow);
  }

  /** Has the flow go as the rules say now. */
  #follow(flow: Flow): void {
    const { decide, openDirect, counts } = this.#options;
    const before = flow.way;
    const decision = decide(flow.destination);
    if (before !== undefined && isAsDecided(before, decision)) return;
    if (before === undefined) counts.flows[decision.kind]++;
    if (before?.kind === 'direct') before.line.end();
    flow.way =
      decision.kind === 'direct'
        ? { ...decision, line: openDirect(flow.destination, decision.route) }
        : decision;
    const { flowId } = flow;
    if (flowId === undefined) return;
    if (decision.kind === 'steer') this.#place!.table.steerFlow(flowId, decision.policy);
    else this.#endInTable(flow, 'cancelled');
  }

  #sendThrough(flow: Flow, policy: StreamPolicy, payload: Uint8Array): void {
    const flowId = flow.flowId ?? this.#open(flow, policy);
    if (flowId === undefined) return;
    countDatagram(this.#options.counts.sent, payload);
    this.#place!.table.send(flowId, payload);
  }

  /** @returns its number in a session; undefined where that is not possible, and the datagram counts as dropped */
  #open(flow: Flow, policy: StreamPolicy): number | undefined {
    const { counts, clock } = this.#options;
    const nowMs = clock();
    if (nowMs < flow.refusedUntilMs || nowMs < this.#refusedUntilMs) {
      counts.drop('refused');
      return undefined;
    }
    try {
      const place = this.#takePlace();
      if (place === undefined) {
        counts.drop('noSession');
        return undefined;
      }
      const flowId = place.table.openFlow(this, place.id, flow, policy);
      this.#enter(flow, flowId);
      return flowId;
    } catch (error) {
      if (!(error instanceof TributaryError)) throw error;
      counts.drop(error.code === 'resourceExceeded' ? 'noRoom' : 'noSession');
      return undefined;
    }
  }

  /** In the session where it is, unless that takes no new flows and another one does. */
  #takePlace(): Place | undefined {
    const table = this.#options.table();
    if (this.#place !== undefined && this.#place.table !== table && this.#place.table.isGoingAway) {
      this.#place.table.endAssociation(this.#place.id);
    }
    if (this.#place === undefined && table !== undefined) {
      this.#place = { table, id: table.openAssociation(this) };
    }
    return this.#place;
  }

  #enter(flow: Flow, flowId: number): void {
    flow.flowId = flowId;
    this.#tableFlowCount++;
  }

  #leave(flow: Flow): void {
    if (flow.flowId === undefined) return;
    flow.flowId = undefined;
    this.#tableFlowCount--;
  }

  /** Ends the oldest of these flows; those that the application has not asked for come first. */
  #displace(isMeant: (flow: Flow) => boolean): void {
    const flows = [...this.#flows.values()].filter(isMeant);
    const oldest = flows.find(({ way }) => way === undefined) ?? flows[0];
    if (oldest === undefined) return;
    this.#options.counts.displacedFlows++;
    this.#end(oldest, 'cancelled');
  }

  #end(flow: Flow, error: ErrorName): void {
    this.#flows.delete(formatDestination(flow.destination));
    if (flow.way?.kind === 'direct') flow.way.line.end();
    this.#endInTable(flow, error);
  }

  #endInTable(flow: Flow, error: ErrorName): void {
    const { flowId } = flow;
    if (flowId === undefined) return;
    this.#leave(flow);
    this.#place?.table.endFlow(flowId, error);
  }
}
