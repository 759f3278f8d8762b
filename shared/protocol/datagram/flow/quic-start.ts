/** Implementations begin with packets of up to so many bytes, whatever the path is like. */
export const MOST_QUIC_START_BYTES = 1_372;
/** RFC 9000 section 14.1: datagrams that begin a connection are at least so long. */
const LEAST_INITIAL_BYTES = 1_200;
/** RFC 9000, RFC 9369. */
const VERSIONS: readonly number[] = [0x00000001, 0x6b3343cf];

/** Whether a flow that begins with this datagram is QUIC (RFC 8999 section 5.1). */
export function beginsQuic(payload: Uint8Array): boolean {
  if (payload.length < LEAST_INITIAL_BYTES || (payload[0]! & 0xc0) !== 0xc0) return false;
  return VERSIONS.includes(new DataView(payload.buffer, payload.byteOffset).getUint32(1));
}
