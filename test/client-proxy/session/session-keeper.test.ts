import { pino } from 'pino';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { SessionKeeper } from '../../../client-proxy/session/session-keeper.ts';
import { encodeControl } from '../../../shared/protocol/codec/frame.ts';
import { ERROR_CODE } from '../../../shared/protocol/errors.ts';
import { ConcentratorHandshake } from '../../../shared/protocol/handshake/concentrator-handshake.ts';
import { nodeHandshakeCrypto } from '../../../shared/runtime/handshake-crypto.ts';
import type {
  SubflowTransport,
  SubflowTransportHandlers,
} from '../../../shared/runtime/net/subflow-transport.ts';
import { TargetNames } from '../../../shared/runtime/net/target-names.ts';
import { TrafficTable } from '../../../shared/runtime/session/uplink-traffic.ts';

const KEY = new Uint8Array(32).fill(7);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A concentrator that welcomes, and says what the test says. */
function welcoming() {
  const exporter = new Uint8Array(32);
  const crypto = nodeHandshakeCrypto;
  const handshake = new ConcentratorHandshake({ crypto, exporter, keyOf: () => KEY });
  let handlers: SubflowTransportHandlers | undefined;
  let isWelcome = false;
  const transport: SubflowTransport = {
    ...{ remoteAddress: '', remotePort: 0, localAddress: '', localPort: 0 },
    ...{ exporter, congestionControl: undefined },
    setHandlers(next) {
      handlers = next;
    },
    write(buffers) {
      if (!isWelcome) {
        handshake.receive(Buffer.concat(buffers));
        const limits = { maxStreams: 16, firstWindowBytes: 65_536, lingerMs: 60_000, maxSubflows: 32 };
        const welcome = handshake.welcome({ token: new Uint8Array(16), ...limits });
        setImmediate(() => handlers?.onBytes(welcome));
      }
      isWelcome = true;
      setImmediate(() => handlers?.onWritable());
    },
    measure: () => undefined,
    destroy: () => void setImmediate(() => handlers?.onClose()),
  };
  return { transport, say: (bytes: Uint8Array) => handlers?.onBytes(bytes) };
}

it('has no timer left once it is stopped, though the concentrator goes away in the same moment', async () => {
  const { transport, say } = welcoming();
  const keeper = new SessionKeeper({
    identity: { id: 'laptop', key: KEY },
    uplinks: [{ name: 'lan', binding: { kind: 'interface', interface: 'lan' }, backup: false }],
    addresses: [{ host: '192.0.2.1', port: 8443 }],
    paths: 'per-uplink',
    names: new TargetNames(),
    dialTimeoutMs: 5_000,
    memoryBytes: 1e6,
    lingerMs: 60_000,
    backoff: { minMs: 60_000, maxMs: 60_000 },
    handshakeTimeoutMs: 5_000,
    openTimeoutMs: 1_000,
    clock: () => performance.now(),
    random: () => 0,
    logger: pino({ enabled: false }),
    traffic: new TrafficTable(4),
    connect: async () => transport,
    onDial() {},
    onReviewed() {},
    onSessionEnded() {},
  });
  keeper.start();
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  while (!keeper.isEstablished) await turn();
  say(encodeControl({ type: 'goaway', code: ERROR_CODE.goingAway }));
  const stopped = keeper.stop();
  for (let turns = 0; turns < 5; turns++) await turn();
  vi.advanceTimersByTime(1_000);
  await stopped;
  expect(vi.getTimerCount()).toBe(0);
});
