import { type Destination, formatDestination } from '../../shared/protocol/destination.ts';
import { type ErrorName, TributaryError } from '../../shared/protocol/errors.ts';
import type { CarriedBytes } from '../../shared/protocol/uplink/carried-bytes.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import type { DatagramDecision, DirectRoute } from '../steering/datagram-decision.ts';
import type { ConcentratorWish } from '../steering/steering-rule.ts';
import { AssociationPlace, type PlaceOwner } from './association-place.ts';
import { countDatagram, type DatagramCounts } from './datagram-counts.ts';
import type { DatagramSession } from './datagram-side.ts';
import {
  type DirectLine,
  type Flow,
  type FlowPlace,
  type FlowWay,
  isAsDecided,
  newFlow,
  type SteerWay,
} from './flow.ts';
import type { FlowTable } from './flow-table.ts';

export interface AssociationOptions {
  /** See `DatagramApplication`. */
  readonly hearsOnlyAsked?: boolean;
  /** What happens to datagrams of this application for a destination now. */
  decide(destination: Destination): DatagramDecision;
  /**
   * The session for what begins now: of the concentrator with this name, or of the best. Undefined while there is none that is heard and
   * carries datagrams.
   */
  table(concentrator?: string): FlowTable | undefined;
  /** The name of the concentrator of a session; undefined where it is one no more. */
  concentratorOf(session: DatagramSession): string | undefined;
  /** A flow begins in this session. */
  onOpened(session: DatagramSession): void;
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
  /** That it goes by; undefined where it goes by none now. */
  readonly session: DatagramSession | undefined;
  /** It begins anew with the next datagram. */
  end(): void;
}

/**
 * What one application sends and receives from one source: a bounded number of flows, each of which goes as the rules say. It
 * outlives sessions: in the next one its flows begin anew when something is sent. It goes by one session, so that others see it at one
 * address, except for flows that a rule sends to another concentrator.
 */
export class Association implements PlaceOwner {
  readonly #options: AssociationOptions;
  /** By destination, the one that was not used for the longest time first. */
  readonly #flows = new Map<string, Flow>();
  readonly #places = new Map<FlowTable, AssociationPlace>();
  /** Where flows go that no rule sends elsewhere. */
  #home: AssociationPlace | undefined;
  #usedMs: number;
  readonly #refusedUntilMs = new WeakMap<FlowTable, number>();
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
      const session = flow.entry?.place.table.session;
      return [{ flow, way, carried: carriedOf(flow, way), session, end }];
    });
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
        this.#sendThrough(flow, way, payload);
        return;
      case 'direct':
        way.line.send(payload);
        return;
      case 'block':
        this.#options.counts.drop('blocked');
    }
  }

  /** What has come past the concentrator. */
  onDirectDatagram(from: Destination, payload: Uint8Array, uplinkName: string): void {
    // Whoever sends from many ports must not fill the table.
    const flow = this.#flows.get(formatDestination(from)) ?? newFlow(from, 0);
    if (flow.way?.kind === 'direct') flow.way.line.onReceived(payload.length, uplinkName);
    this.onDatagram(flow, payload);
  }

  onDatagram(flow: Flow, payload: Uint8Array): void {
    if (this.#isOver) return;
    this.#touch(flow);
    this.#options.onDatagram(flow.destination, payload);
  }

  /** What comes for a name comes from an address, and comes in any case: rules on addresses are not about names. */
  onFlowOpened(place: AssociationPlace, destination: Destination, flowId: number): Flow | undefined {
    if (this.#options.hearsOnlyAsked === true && !this.#hasAsked(destination.host)) return undefined;
    const flow = this.#flowTo(destination);
    // Both ends have begun one at the same time: that of the application goes on.
    if (flow.entry !== undefined) return undefined;
    place.enter(flow, flowId);
    // The application goes on by its rule: what it sends begins anew where that allows.
    if (flow.way?.kind === 'steer' && !this.#mayCarry(place, flow.way)) flow.way = undefined;
    const decision = this.#options.decide(destination);
    if (decision.kind === 'steer') place.table.steerFlow(flowId, decision.policy);
    return flow;
  }

  onFlowEnded(flow: Flow, error: ErrorName): void {
    if (!WITHOUT_FAULT.has(error)) flow.refusedUntilMs = this.#options.clock() + REFUSED_MS;
  }

  endOldestFlow(place: AssociationPlace): void {
    this.#displace((flow) => flow.entry?.place === place);
  }

  onOutOfTable(place: AssociationPlace, error: ErrorName): void {
    this.#places.delete(place.table);
    if (this.#home === place) this.#home = undefined;
    for (const flow of this.#flows.values()) if (flow.entry?.place === place) place.leave(flow);
    if (!WITHOUT_FAULT.has(error)) this.#refusedUntilMs.set(place.table, this.#options.clock() + REFUSED_MS);
  }

  /**
   * Flows go by this table no longer, and begin anew elsewhere.
   * @param isGone no other is meant either that no other concentrator may stand in for: else these wait for it to be heard again
   */
  leaveTable(table: FlowTable, isGone: boolean): void {
    const place = this.#places.get(table);
    if (place === undefined) return;
    if (this.#home === place) this.#home = undefined;
    const concentrator = this.#options.concentratorOf(table.session);
    if (!isGone)
      for (const flow of this.#flows.values()) if (!isBound(flow, concentrator)) this.#endIn(place, flow);
    if (isGone || place.tableFlowCount === 0) place.end();
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
    for (const place of [...this.#places.values()]) place.end();
    this.#flows.clear();
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
    flow.entry?.place.touch(nowMs);
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
    if (before !== undefined && isAsDecided(before, decision)) {
      // Where it begins if it has to begin anew.
      if (before.kind === 'steer' && decision.kind === 'steer') flow.way = decision;
      return;
    }
    if (before === undefined) counts.flows[decision.kind]++;
    if (before?.kind === 'direct') before.line.end();
    flow.way =
      decision.kind === 'direct'
        ? { ...decision, line: openDirect(flow.destination, decision.route) }
        : decision;
    const { entry } = flow;
    if (entry === undefined) return;
    // The other end may have begun it where the rule does not allow the application to send.
    const isRight =
      decision.kind === 'steer' && (before?.kind === 'steer' || this.#mayCarry(entry.place, decision));
    if (isRight) entry.place.table.steerFlow(entry.id, decision.policy);
    else this.#endInTable(flow, 'cancelled');
  }

  /** Whether what a rule sends there is allowed to go by this place. */
  #mayCarry({ table }: FlowPlace, { concentrator }: SteerWay): boolean {
    return concentrator?.isOnly !== true || this.#options.concentratorOf(table.session) === concentrator.name;
  }

  #sendThrough(flow: Flow, way: SteerWay, payload: Uint8Array): void {
    if (flow.entry === undefined) this.#open(flow, way);
    const { entry } = flow;
    if (entry === undefined) return;
    countDatagram(this.#options.counts.sent, payload);
    entry.place.table.send(entry.id, payload);
  }

  /** Puts it into a session. Where that is not possible the datagram counts as dropped. */
  #open(flow: Flow, { policy, concentrator }: SteerWay): void {
    const { counts, clock, onOpened } = this.#options;
    const nowMs = clock();
    const table = this.#tableFor(concentrator);
    if (nowMs < flow.refusedUntilMs || nowMs < (table ? (this.#refusedUntilMs.get(table) ?? 0) : 0)) {
      counts.drop('refused');
      return;
    }
    if (table === undefined) {
      counts.drop('noSession');
      return;
    }
    try {
      const place = this.#placeIn(table);
      if (concentrator === undefined) this.#home = place;
      place.open(flow, policy);
      onOpened(table.session);
    } catch (error) {
      if (!(error instanceof TributaryError)) throw error;
      counts.drop(error.code === 'resourceExceeded' ? 'noRoom' : 'noSession');
    }
  }

  /** Of the concentrator that is wished for; where another may stand in, or none is wished for, the one where it is at home. */
  #tableFor(wish: ConcentratorWish | undefined): FlowTable | undefined {
    const { table } = this.#options;
    const wished = wish && table(wish.name);
    if (wished !== undefined || wish?.isOnly === true) return wished;
    const home = this.#home?.table;
    return home?.isReady === true ? home : (table() ?? home);
  }

  #placeIn(table: FlowTable): AssociationPlace {
    // What takes no new flows is left altogether for one that does: all of the application is to come from one place.
    for (const other of [...this.#places.values()])
      if (other.table !== table && other.table.isGoingAway) other.end();
    const place = this.#places.get(table) ?? new AssociationPlace(table, this, this.#options.clock());
    this.#places.set(table, place);
    return place;
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

  #endIn(place: AssociationPlace, flow: Flow): void {
    if (flow.entry?.place === place) this.#endInTable(flow, 'cancelled');
  }

  #endInTable(flow: Flow, error: ErrorName): void {
    const { entry } = flow;
    if (entry === undefined) return;
    entry.place.leave(flow);
    entry.place.table.endFlow(entry.id, error);
  }
}

/** Whether no other concentrator than this one may carry it. */
function isBound({ way }: Flow, concentrator: string | undefined): boolean {
  return way?.kind === 'steer' && way.concentrator?.isOnly === true && way.concentrator.name === concentrator;
}

function carriedOf({ entry }: Flow, way: FlowWay): readonly CarriedBytes[] {
  if (way.kind === 'direct') return way.line.carried;
  return entry?.place.table.carriedOf(entry.id) ?? [];
}
