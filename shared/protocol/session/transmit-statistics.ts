/** Payload bytes that a session has sent. */
export interface TransmitStatistics {
  /** All copies counted. */
  sentBytes: number;
  /** Of them: sent again since their subflow was doubted or died. */
  reinjectedBytes: number;
  /** Of them: head-of-line segments copied to another subflow while the first still works. */
  copiedBytes: number;
  /** Of them: repeated on further uplinks since the steering mode wants it so, as `redundant` does. */
  redundantBytes: number;
}
