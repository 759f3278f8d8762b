import { expect, it } from 'vitest';
import { ConcentratorHandshake } from '../../../shared/protocol/handshake/concentrator-handshake.ts';
import { nodeHandshakeCrypto } from '../../../shared/runtime/session/handshake-crypto.ts';
import { clientSide, EXPORTER, HELLO, JOIN, KEY } from './handshake-pair.ts';

it.each([
  ['HELLO', HELLO],
  ['JOIN', JOIN],
])('the same is done for a %s of a known client, a wrong key and an unknown client', (_name, intent) => {
  const workFor = (id: string, key: Uint8Array) => {
    const work: string[] = [];
    const handshake = new ConcentratorHandshake({
      crypto: {
        hmacSha256: (macKey, message) => {
          work.push(`mac ${macKey.length} ${message.length}`);
          return nodeHandshakeCrypto.hmacSha256(macKey, message);
        },
        randomBytes: (count) => {
          work.push(`random ${count}`);
          return nodeHandshakeCrypto.randomBytes(count);
        },
        constantTimeEqual: (a, b) => {
          work.push(`compare ${a.length} ${b.length}`);
          return nodeHandshakeCrypto.constantTimeEqual(a, b);
        },
      },
      exporter: EXPORTER,
      keyOf: (name) => (name === 'laptop' ? KEY : undefined),
    });
    const { request } = clientSide(intent, { identity: { id, key } });
    try {
      handshake.receive(request);
    } catch {
      work.push('refused');
    }
    return work;
  };
  const right = workFor('laptop', KEY);
  expect(right).toContain('random 32');
  expect(workFor('laptop', EXPORTER)).toEqual([...right, 'refused']);
  // A name of the same length.
  expect(workFor('nobody', KEY)).toEqual([...right, 'refused']);
});
