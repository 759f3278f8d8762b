import type { ControlItem } from '../control/control-item.ts';
import type { Segment } from '../scheduler/packet-scheduler.ts';
import type { Stream } from '../stream/stream.ts';
import type { AgainKind } from '../stream/stream-delays.ts';
import type { Subflow } from '../subflow/subflow.ts';
import type { Uplink } from '../uplink/uplink.ts';

/** A segment of a stream in a subflow's ledger. */
export interface DataItem extends Segment {
  readonly kind: 'data';
  readonly stream: Stream;
  /** Why it is sent once more, if it is; what a steering mode repeats is not meant. */
  readonly again: AgainKind | undefined;
}

/** What one write to a subflow of a session carried. */
export type SentItem =
  | DataItem
  | { readonly kind: 'control'; readonly control: ControlItem }
  /** A message of the datagram plane: it is not sent again. */
  | { readonly kind: 'datagram'; readonly isUrgent: boolean }
  | { readonly kind: 'receipt' };

/** A subflow that carries the frames of a session. */
export type SessionSubflow = Subflow<Uplink, SentItem>;
