import { timingSafeEqual } from 'node:crypto';
import type { Socket } from 'node:net';

/** Of a connection that one worker relays to another: where it comes from, and what proves it. */
export interface RelayedFrom {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  /** Of TLS, in base64. */
  readonly exporter: string;
  /** What is left of the time for the handshake. */
  readonly leftMs: number;
}

/** Bytes of what only the workers of one concentrator know. */
export const SECRET_BYTES = 32;
const LENGTH_BYTES = 2;
const MAX_TEXT_BYTES = 1_024;
/** A worker sends it at once. */
const READ_MS = 2_000;

/** What stands in front of a relayed connection: `secret | length 2 | JSON`. */
export function encodePreface(secret: Uint8Array, from: RelayedFrom): Uint8Array {
  const text = Buffer.from(JSON.stringify(from));
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt16BE(text.length);
  return Buffer.concat([secret, length, text]);
}

/**
 * Reads it, and what came behind it. Any program of this machine may connect: undefined where the secret is wrong, or nothing comes, and then
 * the socket is destroyed.
 */
export function readPreface(
  socket: Socket,
  secret: Uint8Array,
): Promise<{ readonly from: RelayedFrom; readonly rest: Uint8Array } | undefined> {
  return new Promise((resolve) => {
    let bytes: Buffer = Buffer.alloc(0);
    const settle = (result: { from: RelayedFrom; rest: Uint8Array } | undefined) => {
      clearTimeout(timer);
      socket.off('data', onData);
      socket.pause();
      if (result === undefined) socket.destroy();
      resolve(result);
    };
    const timer = setTimeout(() => settle(undefined), READ_MS);
    const onData = (more: Buffer) => {
      bytes = Buffer.concat([bytes, more]);
      const from = SECRET_BYTES + LENGTH_BYTES;
      if (bytes.length < from) return;
      const length = bytes.readUInt16BE(SECRET_BYTES);
      const isOurs = timingSafeEqual(bytes.subarray(0, SECRET_BYTES), secret) && length <= MAX_TEXT_BYTES;
      if (!isOurs) settle(undefined);
      else if (bytes.length >= from + length) {
        const text = bytes.toString('utf8', from, from + length);
        settle({ from: JSON.parse(text) as RelayedFrom, rest: bytes.subarray(from + length) });
      }
    };
    socket.on('data', onData);
    socket.on('error', () => {});
    socket.once('close', () => settle(undefined));
  });
}
