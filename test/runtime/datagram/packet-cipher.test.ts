import { describe, expect, test } from 'vitest';
import { epochKeys } from '../../../shared/runtime/datagram/datagram-keys.ts';
import { packetCipher } from '../../../shared/runtime/datagram/packet-cipher.ts';
import {
  connectionKey,
  counterOf,
  HEADER_BYTES,
  MIN_PACKET_BYTES,
  pathOf,
  sameConnection,
  writeNumbers,
} from '../../../shared/runtime/datagram/packet-header.ts';
import { loadNative } from '../../../shared/runtime/kernel/native.ts';
import { needs } from '../../support/needs.ts';

const secret = Uint8Array.from({ length: 32 }, (_, i) => i);
const keys = epochKeys(secret);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

test('keys are those of HKDF-Expand', () => {
  expect(hex(keys.client.key) + hex(keys.client.iv)).toBe(
    'dab5d9b26a546ac57cc3fb38be8b2b28c2e93175851d920ad34622da',
  );
  expect(hex(keys.concentrator.key) + hex(keys.concentrator.iv)).toBe(
    'afa17542b80e32964d736b34101a72174b9bfc2a6f1f5fe00a28bd3b',
  );
});

test.each([
  { path: 0, counter: 1 },
  { path: 255, counter: 2 ** 32 - 1 },
  { path: 7, counter: 2 ** 32 },
  { path: 1, counter: 2 ** 53 - 1 },
])('path $path and counter $counter are read as they were written', ({ path, counter }) => {
  const header = new Uint8Array(HEADER_BYTES);
  writeNumbers(header, path, counter);
  expect([pathOf(header), counterOf(header)]).toEqual([path, counter]);
  expect(hex(header.subarray(9))).toBe(counter.toString(16).padStart(14, '0'));
});

test('a connection id is told by its first bits, and then by all of them', () => {
  const id = Buffer.from('ffeeddccbbaa9988', 'hex');
  const other = Buffer.from('ffeeddccbbaa9989', 'hex');
  expect(connectionKey(id)).toBe(0xff_ee_dd_cc * 2 ** 21 + (0xbb_aa_99_88 >>> 11));
  expect(connectionKey(other)).toBe(connectionKey(id));
  expect([sameConnection(id, id), sameConnection(other, id)]).toEqual([true, false]);
});

function sealed(
  header: Uint8Array,
  cipher: ReturnType<typeof packetCipher>,
  pieces: Uint8Array[],
): Uint8Array {
  return Buffer.concat([header, cipher.seal(header, pieces)]);
}

describe.each(['node:crypto', 'OpenSSL'])('AES-128-GCM by %s', (kind) => {
  const gcm = kind === 'OpenSSL' ? loadNative().native?.gcm : undefined;
  const header = new Uint8Array(HEADER_BYTES).fill(9);
  writeNumbers(header, 3, 4_000_000_000_000);

  test('opens what it has sealed, and nothing that differs by a bit', needs('libc'), () => {
    const cipher = packetCipher(keys.client, gcm);
    for (const pieces of [
      [[1, 2, 3], [4]],
      [[5], []],
      [[], [5, 6]],
      [new Array(1400).fill(6), []],
    ]) {
      const packet = sealed(
        header,
        cipher,
        pieces.map((piece) => Uint8Array.from(piece)),
      );
      expect(hex(cipher.open(packet)!)).toBe(hex(Uint8Array.from(pieces.flat())));
      for (let at = 0; at < packet.length; at += 1 + (packet.length >> 6)) {
        const bent = Uint8Array.from(packet);
        bent[at]! ^= 1 << (at % 8);
        // The connection id is additional data; path and counter are in the nonce, too.
        expect(cipher.open(bent)).toBeUndefined();
      }
      if (packet.length > MIN_PACKET_BYTES) expect(cipher.open(packet.subarray(0, -1))).toBeUndefined();
    }
    expect(packetCipher(keys.concentrator, gcm).open(sealed(header, cipher, []))).toBeUndefined();
    cipher.close();
  });

  test('seals as the other one does', needs('libc'), () => {
    const [one, other] = [packetCipher(keys.client, gcm), packetCipher(keys.client, undefined)];
    for (let counter = 1; counter < 50; counter++) {
      writeNumbers(header, 1, counter);
      const pieces = [new Uint8Array(counter).fill(1), new Uint8Array(3 * counter).fill(2)];
      expect(hex(one.seal(header, pieces))).toBe(hex(other.seal(header, pieces)));
    }
  });
});
