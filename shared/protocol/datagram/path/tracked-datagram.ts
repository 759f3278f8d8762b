/**
 * A datagram of a small flow, which may travel once more over another path while nobody has confirmed it. The same object for all
 * packets that carry it.
 */
export class TrackedDatagram {
  readonly flowId: number;
  readonly sequence: number;
  readonly payload: Uint8Array;
  /** When it was first sent. */
  readonly sentMs: number;
  /** One of its packets has arrived. */
  isConfirmed = false;
  /** Packets of it that may still be confirmed in time. */
  underWay = 0;

  constructor(flowId: number, sequence: number, payload: Uint8Array, sentMs: number) {
    this.flowId = flowId;
    this.sequence = sequence;
    this.payload = payload;
    this.sentMs = sentMs;
  }
}
