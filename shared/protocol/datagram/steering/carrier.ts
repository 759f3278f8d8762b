import type { Uplink } from '../../uplink/uplink.ts';
import type { DatagramPath } from '../path/datagram-path.ts';

/** What a datagram leaves on: a path, or, where UDP does not pass, a DATAGRAM frame on a subflow of the uplink. */
export type Carrier =
  | { readonly kind: 'path'; readonly path: DatagramPath }
  | { readonly kind: 'frames'; readonly uplink: Uplink };

/** Why a datagram is dropped instead. */
export type DropReason =
  /** No uplink that the policy allows works. */
  | 'no-uplink'
  /** All that may carry it have too much under way, or are held back by their rate limits. */
  | 'queue-full';

/** What becomes of one datagram. */
export interface Choice {
  /** It leaves on all of these; none: it is dropped. */
  readonly carriers: readonly Carrier[];
  /** Where there is no carrier. */
  readonly dropped?: DropReason;
  /** With the flag `spread`. */
  readonly spread: boolean;
  /** Its packets are to be told of with a TrackedDatagram. */
  readonly isTracked: boolean;
}
