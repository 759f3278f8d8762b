/** Connection id, path, counter (SPEC.md section 13). */
export const HEADER_BYTES = 16;
/** Header, one byte of a message, and tag. */
export const MIN_PACKET_BYTES = 33;
export const CONNECTION_ID_BYTES = 8;
const PATH_AT = 8;
const COUNTER_HIGH_AT = 9;
const COUNTER_LOW_AT = 12;
const LOW_WORD = 2 ** 32;

/** Writes path and counter behind the connection id. */
export function writeNumbers(header: Uint8Array, path: number, counter: number): void {
  const high = Math.floor(counter / LOW_WORD);
  header[PATH_AT] = path;
  header[COUNTER_HIGH_AT] = high >>> 16;
  header[COUNTER_HIGH_AT + 1] = high >>> 8;
  header[COUNTER_HIGH_AT + 2] = high;
  header[COUNTER_LOW_AT] = counter >>> 24;
  header[COUNTER_LOW_AT + 1] = counter >>> 16;
  header[COUNTER_LOW_AT + 2] = counter >>> 8;
  header[COUNTER_LOW_AT + 3] = counter;
}

export function pathOf(packet: Uint8Array): number {
  return packet[PATH_AT]!;
}

/** Beyond what a number tells exactly it is none that this end will ever see: packets would have to come for millennia. */
export function counterOf(packet: Uint8Array): number {
  const high =
    packet[COUNTER_HIGH_AT]! * 0x1_00_00 +
    packet[COUNTER_HIGH_AT + 1]! * 0x1_00 +
    packet[COUNTER_HIGH_AT + 2]!;
  return high * LOW_WORD + word(packet, COUNTER_LOW_AT);
}

/**
 * The first 53 bits of the connection id, as a key for tables: whoever gives ids gives none with those of another one.
 * @param bytes a packet, or the id
 */
export function connectionKey(bytes: Uint8Array): number {
  return word(bytes, 0) * 2 ** 21 + (word(bytes, 4) >>> 11);
}

export function sameConnection(packet: Uint8Array, id: Uint8Array): boolean {
  for (let i = 0; i < CONNECTION_ID_BYTES; i++) if (packet[i] !== id[i]) return false;
  return true;
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at]! * 0x1_00_00_00 + ((bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!);
}
