/** What the kernel says of one subflow's TCP connection (Linux TCP_INFO). Absent where it cannot be read. */
export interface KernelMeasurement {
  readonly rttMs: number;
  readonly rttVarMs: number;
  readonly minRttMs: number;
  readonly mssBytes: number;
  readonly cwndBytes: number;
  /** Written by us, not yet sent by the kernel. */
  readonly notSentBytes: number;
  /** Sent, not yet acknowledged. */
  readonly unackedBytes: number;
  readonly bytesAcked: number;
  /** Segments that have arrived in all, those behind a hole included. */
  readonly deliveredPackets: number;
  readonly deliveryRateBytesPerSecond: number;
  /**
   * Time since an acknowledgement arrived, of something new where the kernel tells: on a path that has failed in one direction,
   * or for long packets alone, others still arrive.
   */
  readonly lastAckReceivedMs: number;
  /** Consecutive retransmission time-outs without progress. */
  readonly backoff: number;
  readonly totalRetransmittedPackets: number;
  /** Segments with data sent in all, retransmissions included. */
  readonly sentPackets: number;
  /** The congestion control by name, where it has changed since the connection began. */
  readonly congestionControl?: string | undefined;
}
