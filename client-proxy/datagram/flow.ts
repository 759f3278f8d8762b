import { isDeepStrictEqual } from 'node:util';
import type { Destination } from '../../shared/protocol/destination.ts';
import type { StreamPolicy } from '../../shared/protocol/steering/steering-policy.ts';
import type { CarriedBytes } from '../../shared/protocol/uplink/carried-bytes.ts';
import type { DatagramDecision, DirectRoute } from '../steering/datagram-decision.ts';

/** How the datagrams of a flow go. */
export type FlowWay =
  /** Through a session. */
  | { readonly kind: 'steer'; readonly policy: StreamPolicy }
  /** Past the concentrator. */
  | { readonly kind: 'direct'; readonly route: DirectRoute; readonly line: DirectLine }
  | { readonly kind: 'block' };

/** The datagrams of a flow past the concentrator. */
export interface DirectLine {
  /** What each uplink has carried. */
  readonly carried: readonly CarriedBytes[];
  send(payload: Uint8Array): void;
  /** Something has come from there, of so many bytes. */
  onReceived(bytes: number): void;
  end(): void;
}

/** The datagrams between an application and one destination. */
export interface Flow {
  readonly destination: Destination;
  /** Undefined while only the other end has sent. */
  way: FlowWay | undefined;
  /** Its number in the session of its association; undefined while it has none. */
  flowId: number | undefined;
  /** When it began, */
  readonly sinceMs: number;
  /** and the last datagram, either way. */
  usedMs: number;
  /** What the application sends until then is dropped: the concentrator has just refused it. */
  refusedUntilMs: number;
}

/** A flow that nothing is known of yet. */
export function newFlow(destination: Destination, nowMs: number): Flow {
  return { destination, way: undefined, flowId: undefined, sinceMs: nowMs, usedMs: nowMs, refusedUntilMs: 0 };
}

/**
 * Whether a flow that goes in a way is right there by what is decided now. One that goes past the concentrator because there was
 * none stays there when there is one again: for its other end it would come from elsewhere.
 */
export function isAsDecided(way: FlowWay, decision: DatagramDecision): boolean {
  if (way.kind === 'direct' && way.route.kind === 'balanced') {
    return decision.kind === 'steer' || (decision.kind === 'direct' && decision.route.kind === 'balanced');
  }
  const { kind } = way;
  if (kind === 'steer') return decision.kind === kind && isDeepStrictEqual(way.policy, decision.policy);
  if (kind === 'direct') return decision.kind === kind && isDeepStrictEqual(way.route, decision.route);
  return decision.kind === kind;
}
