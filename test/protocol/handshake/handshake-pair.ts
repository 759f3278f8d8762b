import { createHash } from 'node:crypto';
import {
  ClientHandshake,
  type ClientHandshakeOptions,
  type ClientIntent,
} from '../../../shared/protocol/handshake/client-handshake.ts';
import { ConcentratorHandshake } from '../../../shared/protocol/handshake/concentrator-handshake.ts';
import { nodeHandshakeCrypto } from '../../../shared/runtime/session/handshake-crypto.ts';

export const KEY = fixed('key', 32);
export const EXPORTER = fixed('exporter', 32);
export const TOKEN = fixed('token', 16);
export const HELLO = { kind: 'hello' } as const;
export const JOIN: ClientIntent = { kind: 'join', token: TOKEN, subflowId: 3 };
export const GRANT = { token: TOKEN, maxStreams: 1000, firstWindowBytes: 65_536, lingerMs: 60_000 };

/** Bytes that are the same in every run. */
export function fixed(name: string, length: number): Uint8Array {
  return new Uint8Array(createHash('sha256').update(name).digest().subarray(0, length));
}

export function clientSide(
  intent: ClientIntent,
  options: Partial<ClientHandshakeOptions> = {},
): ClientHandshake {
  return new ClientHandshake({
    crypto: nodeHandshakeCrypto,
    identity: { id: 'laptop', key: KEY },
    exporter: EXPORTER,
    uplinkName: 'wlan0',
    backup: false,
    intent,
    ...options,
  });
}

export function concentratorSide(
  exporter: Uint8Array = EXPORTER,
  keys: Record<string, Uint8Array | readonly Uint8Array[]> = { laptop: KEY },
): ConcentratorHandshake {
  return new ConcentratorHandshake({
    crypto: nodeHandshakeCrypto,
    exporter,
    keysOf: (id) => (Object.hasOwn(keys, id) ? [keys[id] ?? []].flat() : []),
  });
}

/** The concentrator's answer to a right request. */
export function answerTo(request: Uint8Array, concentrator = concentratorSide()): Uint8Array {
  const authenticated = concentrator.receive(request);
  if (authenticated === undefined) throw new Error('the request is not whole');
  return authenticated.kind === 'hello' ? concentrator.welcome(GRANT) : concentrator.joined();
}
