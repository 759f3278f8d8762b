import { isDeepStrictEqual } from 'node:util';
import type { Destination } from '../../shared/protocol/destination.ts';
import type { ErrorName } from '../../shared/protocol/errors.ts';
import type { StreamPolicy } from '../../shared/protocol/steering/steering-policy.ts';
import type { CarriedBytes } from '../../shared/protocol/uplink/carried-bytes.ts';
import type { DatagramDecision, DirectRoute } from '../steering/datagram-decision.ts';
import type { ConcentratorWish } from '../steering/steering-rule.ts';
import type { DatagramSession } from './datagram-side.ts';

/** Through a session: of the concentrator that is wished for when it begins there, or else of the best. */
export interface SteerWay {
  readonly kind: 'steer';
  readonly policy: StreamPolicy;
  readonly concentrator?: ConcentratorWish | undefined;
}

/** How the datagrams of a flow go. */
export type FlowWay =
  | SteerWay
  /** Past the concentrator. */
  | { readonly kind: 'direct'; readonly route: DirectRoute; readonly line: DirectLine }
  | { readonly kind: 'block' };

/** The datagrams of a flow past the concentrator. */
export interface DirectLine {
  /** What each uplink has carried. */
  readonly carried: readonly CarriedBytes[];
  /**
   * Any uplink that this policy allows may carry it from now on.
   * @returns whether it goes on, by this policy; otherwise it is to begin anew, since its uplink is not allowed, or has failed alone. From
   * a backup it changes by itself once another uplink can carry it
   */
  goOn(policy: StreamPolicy): boolean;
  send(payload: Uint8Array): void;
  /** Something has come from there, of so many bytes, over this uplink. */
  onReceived(bytes: number, uplinkName: string): void;
  end(): void;
}

/** The datagrams between an application and one destination. */
export interface Flow {
  readonly destination: Destination;
  /** Undefined while only the other end has sent. */
  way: FlowWay | undefined;
  /** Where it is in a session; undefined while it is in none. */
  entry: FlowEntry | undefined;
  /** When it began, */
  readonly sinceMs: number;
  /** and the last datagram, either way. */
  usedMs: number;
  /** What the application sends until then is dropped: the concentrator has just refused it. */
  refusedUntilMs: number;
}

/** What carries flows by their numbers: the table of a session. */
export interface FlowCarrier {
  readonly session: DatagramSession;
  send(flowId: number, payload: Uint8Array): void;
  /** Where the session takes no other policy, it goes on as before. */
  steerFlow(flowId: number, policy: StreamPolicy): void;
  endFlow(flowId: number, error: ErrorName): void;
  carriedOf(flowId: number): readonly CarriedBytes[];
}

/** What an association has in a session, as its flows there see it. */
export interface FlowPlace {
  readonly table: FlowCarrier;
  /** A datagram goes or has come, at this time. */
  touch(nowMs: number): void;
  /** The flow is not there any more. */
  leave(flow: Flow): void;
}

/** A flow in the table of a session. */
interface FlowEntry {
  readonly place: FlowPlace;
  /** Its number there. */
  readonly id: number;
}

/** A flow that nothing is known of yet. */
export function newFlow(destination: Destination, nowMs: number): Flow {
  return { destination, way: undefined, entry: undefined, sinceMs: nowMs, usedMs: nowMs, refusedUntilMs: 0 };
}

/**
 * Whether a flow that goes in a way is right there by what is decided now. One that goes past the concentrator because there was
 * none stays there when there is one again: for its other end it would come from elsewhere; but not where its uplink has failed, or is not
 * allowed any more, nor where a rule allows one concentrator alone. One that goes through a session stays when its rule wishes for another
 * concentrator.
 */
export function isAsDecided(way: FlowWay, decision: DatagramDecision): boolean {
  if (way.kind === 'direct' && way.route.kind === 'balanced') {
    const policy = balancedPolicy(decision);
    return policy !== undefined && way.line.goOn(policy);
  }
  const { kind } = way;
  if (kind === 'steer') return decision.kind === kind && isDeepStrictEqual(way.policy, decision.policy);
  if (kind === 'direct') return decision.kind === kind && isDeepStrictEqual(way.route, decision.route);
  return decision.kind === kind;
}

/** What a flow goes by that goes past the concentrator over any uplink; undefined where it may not. */
function balancedPolicy(decision: DatagramDecision): StreamPolicy | undefined {
  if (decision.kind === 'steer') return decision.concentrator?.isOnly === true ? undefined : decision.policy;
  return decision.kind === 'direct' && decision.route.kind === 'balanced' ? decision.route.policy : undefined;
}
