import type { Destination } from '../../shared/protocol/destination.ts';
import type { StreamPolicy } from '../../shared/protocol/steering/steering-policy.ts';
import type { CarriedBytes } from '../../shared/protocol/uplink/carried-bytes.ts';
import type { DirectReason } from '../steering/datagram-decision.ts';
import type { SteeringRule, TransportProtocol } from '../steering/steering-rule.ts';

/** How a connection goes. */
export type ConnectionWay =
  /** Through the concentrator. */
  | { readonly kind: 'steer'; readonly policy: StreamPolicy }
  /** Past it. */
  | { readonly kind: 'direct'; readonly reason: DirectReason };

/** A connection, or a flow of datagrams, that an application has open now. */
export interface OpenConnection {
  /** The same object for as long as it is open. */
  readonly key: object;
  readonly protocol: TransportProtocol;
  readonly destination: Destination;
  /** What the application was heard to call a destination that is an address. */
  readonly name?: string | undefined;
  /** Who has logged in. */
  readonly user?: string | undefined;
  /** Address of the application; empty where it is not known. */
  readonly from: string;
  /** Milliseconds since 1970. */
  readonly sinceMs: number;
  readonly way: ConnectionWay;
  /** Which of several concentrators carries it; undefined: there is a single one, it waits for one, or goes past them. */
  readonly concentrator?: string | undefined;
  /** What has chosen the way; undefined: the default. */
  readonly rule: SteeringRule | undefined;
  /** What each uplink has carried of it; the numbers go on to change. */
  readonly carried: readonly CarriedBytes[];
  /** Ends it: the application and the destination see a reset. */
  close(): void;
}
