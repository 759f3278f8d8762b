import { expect, it } from 'vitest';
import { clientSubflowHandshake } from '../../../client-proxy/path-manager/client-subflow-handshake.ts';
import { nodeHandshakeCrypto } from '../../../shared/runtime/session/handshake-crypto.ts';
import type { SubflowTransport } from '../../../shared/runtime/subflow/subflow-transport.ts';

it.each([
  { error: undefined, reason: /with this key\?$/ },
  {
    error: Object.assign(new Error('read'), { code: 'ECONNRESET' }),
    reason: /with this key\? \(reset \(ECONNRESET\)\)$/,
  },
])('that ends without an answer says what may be wrong, and what the network said: $error', async (one) => {
  const transport: SubflowTransport = {
    ...{ remoteAddress: '', remotePort: 0, localAddress: '', localPort: 0 },
    exporter: new Uint8Array(32),
    congestionControl: undefined,
    setHandlers: ({ onClose }) => void setImmediate(() => onClose(one.error)),
    write() {},
    measure: () => undefined,
    setReading() {},
    destroy() {},
  };
  const options = {
    crypto: nodeHandshakeCrypto,
    identity: { id: 'laptop', key: new Uint8Array(32) },
    uplinkName: 'lan',
    backup: false,
    intent: { kind: 'hello' },
  } as const;
  await expect(clientSubflowHandshake(transport, options, 1_000)).rejects.toThrow(one.reason);
});
