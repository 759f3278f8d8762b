import { expect, it } from 'vitest';
import { ConcentratorHandshake } from '../../../shared/protocol/handshake/concentrator-handshake.ts';
import { nodeHandshakeCrypto } from '../../../shared/runtime/session/handshake-crypto.ts';
import { clientSide, EXPORTER, HELLO, JOIN, KEY } from './handshake-pair.ts';

const OTHER_KEY = new Uint8Array(32).fill(9);
/** One of them changes its key. */
const keys: Readonly<Record<string, readonly Uint8Array[]>> = { laptop: [KEY], router: [OTHER_KEY, KEY] };

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
      keysOf: (name) => keys[name] ?? [],
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
  // Names of the same length.
  expect(workFor('router', KEY)).toEqual(right);
  expect(workFor('router', OTHER_KEY)).toEqual(right);
  expect(workFor('router', EXPORTER)).toEqual([...right, 'refused']);
  expect(workFor('nobody', KEY)).toEqual([...right, 'refused']);
});
