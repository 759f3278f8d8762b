import { createHmac } from 'node:crypto';

/** Keys of one direction of one epoch. */
export interface DirectionKeys {
  /** 16 bytes. */
  readonly key: Uint8Array;
  /** 12 bytes. */
  readonly iv: Uint8Array;
}

/** Of each end's packets, by who sends them. */
export interface EpochKeys {
  readonly client: DirectionKeys;
  readonly concentrator: DirectionKeys;
}

/** The keys that both ends derive from the secret of DATAGRAM_SETUP (SPEC.md section 13). */
export function epochKeys(secret: Uint8Array): EpochKeys {
  return { client: directionKeys(secret, 'client'), concentrator: directionKeys(secret, 'concentrator') };
}

const KEY_BYTES = 16;
const IV_BYTES = 12;

/** HKDF-Expand (RFC 5869 section 2.3): 28 bytes are less than one output of the hash, hence its first block. */
function directionKeys(secret: Uint8Array, sender: 'client' | 'concentrator'): DirectionKeys {
  const block = createHmac('sha256', secret)
    .update(`tributary/1 datagrams ${sender}`)
    .update(Uint8Array.of(1))
    .digest();
  return { key: block.subarray(0, KEY_BYTES), iv: block.subarray(KEY_BYTES, KEY_BYTES + IV_BYTES) };
}
