import { ProtocolViolation } from '../../../shared/protocol/errors.ts';
import { ClientHandshake, HandshakeRefused } from '../../../shared/protocol/handshake/client-handshake.ts';
import { ConcentratorHandshake } from '../../../shared/protocol/handshake/concentrator-handshake.ts';
import type { HandshakeCrypto } from '../../../shared/protocol/handshake/crypto.ts';
import { type FuzzTarget, promise } from '../fuzz-target.ts';
import { InputReader } from '../input-reader.ts';

/** All that is random is zero, and all proofs are right: else no input would come past the proof. */
const TRUSTING: HandshakeCrypto = {
  hmacSha256: () => new Uint8Array(32),
  randomBytes: (count) => new Uint8Array(count),
  constantTimeEqual: (a, b) => a.length === b.length,
};
/** No proof is right. */
const STRICT: HandshakeCrypto = { ...TRUSTING, constantTimeEqual: () => false };

const IDENTITY = { id: 'c', key: new Uint8Array(32) };
const EXPORTER = new Uint8Array(32);

/** Both sides of the handshake, with and without a peer that has the key. Without it nothing is accepted. */
export const handshake: FuzzTarget = {
  name: 'handshake',
  maxBytes: 2_200,
  seeds: () => [hello(), join()].map((request) => Uint8Array.of(0, 0xff, ...request)),
  run(input) {
    const reader = new InputReader(input);
    const kind = reader.u8();
    const crypto = (kind & 1) === 0 ? TRUSTING : STRICT;
    const receive = (kind & 2) === 0 ? concentrator(crypto) : client(crypto, (kind & 4) === 0);
    try {
      for (const piece of reader.pieces()) {
        const result = receive(piece);
        promise(result === undefined || crypto === TRUSTING, 'a request without a right proof was accepted');
        if (result !== undefined) return;
      }
    } catch (error) {
      if (!(error instanceof ProtocolViolation || error instanceof HandshakeRefused)) throw error;
    }
  },
};

function concentrator(crypto: HandshakeCrypto): (bytes: Uint8Array) => unknown {
  const side = new ConcentratorHandshake({ crypto, exporter: EXPORTER, keysOf: () => [IDENTITY.key] });
  return (bytes) => side.receive(bytes);
}

function client(crypto: HandshakeCrypto, isFirst: boolean): (bytes: Uint8Array) => unknown {
  const side = clientSide(crypto, isFirst);
  return (bytes) => side.receive(bytes);
}

function clientSide(crypto: HandshakeCrypto, isFirst: boolean): ClientHandshake {
  return new ClientHandshake({
    crypto,
    identity: IDENTITY,
    exporter: EXPORTER,
    uplinkName: 'wan0',
    backup: false,
    intent: isFirst ? { kind: 'hello' } : { kind: 'join', token: new Uint8Array(16), subflowId: 1 },
  });
}

const hello = () => clientSide(TRUSTING, true).request;
const join = () => clientSide(TRUSTING, false).request;
