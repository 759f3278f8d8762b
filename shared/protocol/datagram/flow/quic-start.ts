/** Implementations begin with packets of up to so many bytes, whatever the path is like. */
const MOST_QUIC_START_BYTES = 1_372;
/** A length that has left whole so often is what the application sends, no probe: of these it sends three of a length (RFC 8899 section 5.1.2). */
const LEAST_IN_USE = 8;
/** RFC 9000 section 14.1: datagrams that begin a connection are at least so long. */
const LEAST_INITIAL_BYTES = 1_200;
/** RFC 9000, RFC 9369. */
const VERSIONS: readonly number[] = [0x00000001, 0x6b3343cf];

/** Whether a flow that begins with this datagram is QUIC (RFC 8999 section 5.1). */
export function beginsQuic(payload: Uint8Array): boolean {
  if (payload.length < LEAST_INITIAL_BYTES || (payload[0]! & 0xc0) !== 0xc0) return false;
  return VERSIONS.includes(new DataView(payload.buffer, payload.byteOffset).getUint32(1));
}

/**
 * The longest datagrams that a QUIC flow sends for good. It lengthens them while they pass, but need not shorten them again where the path does
 * (RFC 9000 section 14.4): those must be cut there, or the connection hangs. Probes that do not pass must be lost, or it would
 * have everything cut from then on.
 */
export class WholeLengths {
  #mostBytes = MOST_QUIC_START_BYTES;
  /** Datagrams beyond that, and the shortest of them. */
  #longer = 0;
  #longerBytes = Number.POSITIVE_INFINITY;

  /** A datagram of so many bytes has left whole. */
  onWhole(bytes: number): void {
    if (bytes <= this.#mostBytes) return;
    this.#longerBytes = Math.min(this.#longerBytes, bytes);
    if (++this.#longer < LEAST_IN_USE) return;
    this.#mostBytes = this.#longerBytes;
    this.#longer = 0;
    this.#longerBytes = Number.POSITIVE_INFINITY;
  }

  /** Whether the flow relies on datagrams of so many bytes. */
  relyOn(bytes: number): boolean {
    return bytes <= this.#mostBytes;
  }
}
