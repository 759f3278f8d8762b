import { expect, it } from 'vitest';
import { clientSubflowHandshake } from '../../../client-proxy/path-manager/client-subflow-handshake.ts';
import { nodeHandshakeCrypto } from '../../../shared/runtime/session/handshake-crypto.ts';
import type { SubflowTransport } from '../../../shared/runtime/subflow/subflow-transport.ts';

const ended = (code: string) => Object.assign(new Error('read'), { code });

it.each([
  { error: undefined, code: 'notAuthorized', message: /with this key\?$/ },
  {
    error: ended('ECONNRESET'),
    code: 'notAuthorized',
    message: /with this key\? \(reset \(ECONNRESET\)\)$/,
  },
  { error: ended('EPIPE'), code: 'notAuthorized', message: /with this key\?/ },
  ...[
    ...['ETIMEDOUT', 'EHOSTUNREACH', 'EHOSTDOWN', 'ENETUNREACH', 'ENETDOWN', 'ECONNABORTED'],
    'ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC',
  ].map((code) => ({
    error: ended(code),
    code: 'networkFailure',
    message: new RegExp(`^the connection to the concentrator was lost before its answer: .*${code}`),
  })),
])(
  'that ends without an answer says what may be wrong, and what the network said: $error',
  async ({ error, code, message }) => {
    const transport: SubflowTransport = {
      ...{ remoteAddress: '', remotePort: 0, localAddress: '', localPort: 0 },
      exporter: new Uint8Array(32),
      congestionControl: undefined,
      setHandlers: ({ onClose }) => void setImmediate(() => onClose(error)),
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
    await expect(clientSubflowHandshake(transport, options, 1_000)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  },
);
