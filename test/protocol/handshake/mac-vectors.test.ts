import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { nodeHandshakeCrypto } from '../../../shared/runtime/session/handshake-crypto.ts';
import { hex, toHex } from '../support.ts';
import { answerTo, clientSide, EXPORTER, HELLO, JOIN, KEY } from './handshake-pair.ts';

/** SPEC.md section 4, written out: HMAC-SHA-256(key, label || exporter || transcript). */
function specMac(label: string, ...transcript: Uint8Array[]): string {
  const mac = createHmac('sha256', KEY).update(label, 'ascii').update(EXPORTER);
  for (const part of transcript) mac.update(part);
  return mac.digest('hex');
}

const body = (frame: Uint8Array) => frame.subarray(8);
const message = (frame: Uint8Array) => frame.subarray(8, -32);
const mac = (frame: Uint8Array) => toHex(frame.subarray(-32));

describe('macs', () => {
  it('of HELLO and WELCOME are over what SPEC.md says', () => {
    const { request } = clientSide(HELLO);
    expect(mac(request)).toBe(specMac('tributary/1 hello', message(request)));
    const answer = answerTo(request);
    expect(mac(answer)).toBe(specMac('tributary/1 welcome', body(request), message(answer)));
  });

  it('of JOIN and JOINED are over what SPEC.md says', () => {
    const { request } = clientSide(JOIN);
    expect(mac(request)).toBe(specMac('tributary/1 join', message(request)));
    const answer = answerTo(request);
    expect(mac(answer)).toBe(specMac('tributary/1 joined', body(request), message(answer)));
  });

  it('use HMAC-SHA-256 (RFC 4231, test case 2)', () => {
    const digest = nodeHandshakeCrypto.hmacSha256(
      Buffer.from('Jefe'),
      Buffer.from('what do ya want for nothing?'),
    );
    expect(toHex(digest)).toBe('5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843');
  });

  it('are compared whole', () => {
    const { constantTimeEqual } = nodeHandshakeCrypto;
    expect(constantTimeEqual(hex('0102'), hex('0102'))).toBe(true);
    expect(constantTimeEqual(hex('0102'), hex('0103'))).toBe(false);
    expect(constantTimeEqual(hex('0102'), hex('010200'))).toBe(false);
    expect(constantTimeEqual(hex(''), hex(''))).toBe(true);
  });

  it('random bytes are of the length asked for', () => {
    expect(nodeHandshakeCrypto.randomBytes(32)).toHaveLength(32);
    expect(toHex(nodeHandshakeCrypto.randomBytes(32))).not.toBe(toHex(nodeHandshakeCrypto.randomBytes(32)));
  });
});
