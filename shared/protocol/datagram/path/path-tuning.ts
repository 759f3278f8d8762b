export interface DatagramPathTuning {
  /** Longest UDP payload before any was tried: RFC 9000 section 14 takes 1200 bytes for granted. */
  readonly basePacketBytes: number;
}

export const DATAGRAM_PATH_TUNING: DatagramPathTuning = { basePacketBytes: 1200 };
