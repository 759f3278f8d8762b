import { readFileSync } from 'node:fs';
import type { TLSSocket } from 'node:tls';

/** Application protocol of a subflow (RFC 7301), so that the port can be told from a web server's. */
export const SUBFLOW_ALPN = 'tributary/1';

/** The same, where the concentrator answers PROBE (SPEC.md section 2). */
export const PROBING_ALPN = 'tributary/1+probe';

/** Whether a peer that agreed to this application protocol speaks ours. */
export function isSubflowProtocol(protocol: string | false | null): boolean {
  return protocol === SUBFLOW_ALPN || protocol === PROBING_ALPN;
}

/** What both ends agree on: TLS 1.3 and nothing before it. */
export const SUBFLOW_TLS_OPTIONS = {
  // In the order of the concentrator's preference.
  ALPNProtocols: [PROBING_ALPN, SUBFLOW_ALPN],
  // Pins and keys take the place of authorities; otherwise Node.js reads all that it knows, at the first handshake.
  ca: [] as string[],
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
} as const;

/**
 * The TLS 1.3 cipher suites in this machine's order of preference: AES-128-GCM first where the processor
 * computes AES, ChaCha20-Poly1305 first where it does not (there it is about three times as fast).
 */
export function cipherPreference(aesInHardware: boolean = hasAesInstructions()): string {
  const [aes, chacha] = ['TLS_AES_128_GCM_SHA256', 'TLS_CHACHA20_POLY1305_SHA256'];
  return [...(aesInHardware ? [aes, chacha] : [chacha, aes]), 'TLS_AES_256_GCM_SHA384'].join(':');
}

/** 32 bytes that only the two ends of this connection can know (RFC 8446 section 7.5); handshake done. */
export function subflowExporter(socket: TLSSocket): Uint8Array {
  return socket.exportKeyingMaterial(32, 'EXPORTER-tributary-subflow', Buffer.alloc(0));
}

/** Linux tells. Elsewhere it is assumed: desktop processors of the last ten years have them. */
function hasAesInstructions(): boolean {
  try {
    return /^(flags|features)\s*:.*\baes\b/im.test(readFileSync('/proc/cpuinfo', 'latin1'));
  } catch {
    return true;
  }
}
