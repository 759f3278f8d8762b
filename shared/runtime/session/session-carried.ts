import type { CarriedBytes } from '../../protocol/uplink/carried-bytes.ts';

/** What each uplink has carried of one stream or flow of a session. */
export interface SessionCarried {
  carriedOf(streamId: number): readonly CarriedBytes[];
  /** The same of a flow of datagrams. */
  carriedOfFlow(flowId: number): readonly CarriedBytes[];
}
