import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { clientSubflowHandshake } from '../../client-proxy/path-manager/client-subflow-handshake.ts';
import { type Concentrator, startConcentrator } from '../../server-concentrator/concentrator.ts';
import type {
  ConcentratorConfig,
  ConcentratorLimits,
} from '../../server-concentrator/config/concentrator-config.ts';
import type { ControlFrame } from '../../shared/protocol/codec/frame.ts';
import { FrameParser } from '../../shared/protocol/codec/frame-parser.ts';
import { ERROR_CODE } from '../../shared/protocol/errors.ts';
import { loadNative } from '../../shared/runtime/kernel/native.ts';
import { nodeHandshakeCrypto } from '../../shared/runtime/session/handshake-crypto.ts';
import { dial, identity, ignore, onCleanup, rawClient } from '../runtime/subflow/subflow-bench.ts';
import { deferred } from '../support/deferred.ts';

const ANOTHER_KEY = new Uint8Array(32).fill(9);

describe('a reload', () => {
  it('ends the session of a client whose key is another one now, and no other', async () => {
    const { concentrator, config } = await start(['kept', 'rotated']);
    const kept = await connect(concentrator, 'kept');
    const rotated = await connect(concentrator, 'rotated');
    const clients = config.clients.map((client) =>
      client.id === 'rotated' ? { ...client, key: ANOTHER_KEY } : client,
    );
    await concentrator.reload({ ...config, clients });
    await rotated.closed;
    expect(rotated.frames).toEqual([{ type: 'close', code: ERROR_CODE.notAuthorized }]);
    expect(kept.frames).toEqual([]);
    await expect(connect(concentrator, 'rotated')).rejects.toThrow('without an answer');
    await connect(concentrator, 'rotated', ANOTHER_KEY);
  });

  it('tells sessions that live of addresses that are new, or no longer announced', async () => {
    const { concentrator, config } = await start(['laptop']);
    const client = await connect(concentrator, 'laptop');
    const announce = { addresses: [{ host: '192.0.2.1', port: 443 }], joinHere: true };
    await concentrator.reload({ ...config, announce });
    const address = Uint8Array.of(192, 0, 2, 1);
    await expect
      .poll(() => client.frames)
      .toContainEqual(
        expect.objectContaining({ type: 'addressAdd', addressId: 1, port: 443, joinHere: true }),
      );
    expect(client.frames[0]).toMatchObject({ address });
    await concentrator.reload(config);
    await expect.poll(() => client.frames).toContainEqual({ type: 'addressRemove', addressId: 1 });
  });

  it('changes the log level of sessions that live', async () => {
    const { concentrator, config, lines } = await start(['laptop']);
    await connect(concentrator, 'laptop');
    await concentrator.reload({ ...config, log: { level: 'error', format: 'json' } });
    const before = lines.length;
    await concentrator.close();
    // That the session closed is told at `info`.
    expect(lines.slice(before)).toEqual([]);
  });
});

it('sends further subflows elsewhere from the first word on, if it is to', async () => {
  const announce = { addresses: [{ host: '192.0.2.1', port: 443 }], joinHere: false };
  const { concentrator, config } = await start(['laptop', 'phone'], {}, { announce });
  const client = await connect(concentrator, 'laptop');
  expect(client.welcome?.joinElsewhere).toBe(true);
  await expect
    .poll(() => client.frames)
    .toContainEqual(expect.objectContaining({ type: 'addressAdd', joinHere: false }));
  await concentrator.reload({ ...config, announce: { addresses: [], joinHere: true } });
  expect((await connect(concentrator, 'phone')).welcome?.joinElsewhere).toBe(false);
});

it('lets the connection go when a defect of ours shows while a client is let in', {
  timeout: 5_000,
}, async () => {
  const announce = { addresses: [{ host: 'no address', port: 443 }], joinHere: true };
  const { concentrator } = await start(['laptop'], {}, { announce });
  await (await connect(concentrator, 'laptop')).closed;
});

it('strangers who finish TLS and keep silent do not lock a client out', { timeout: 30_000 }, async () => {
  const { concentrator } = await start(['laptop']);
  const { port } = concentrator.addresses[0]!;
  for (let batch = 0; batch < 13; batch++) {
    const strangers = await Promise.all(Array.from({ length: 40 }, () => dial(port)));
    for (const stranger of strangers) stranger.setHandlers(ignore);
  }
  await connect(concentrator, 'laptop');
});

it('gives a stranger one time limit for TLS and HELLO together', async () => {
  const { concentrator } = await start(['laptop'], { handshakeTimeoutMs: 2_000 });
  const startedMs = performance.now();
  const socket = await rawClient(concentrator.addresses[0]!.port);
  await setTimeout(1_500);
  const secured = connectTls({ socket, ALPNProtocols: ['tributary/1'], rejectUnauthorized: false });
  await once(secured, 'secureConnect');
  secured.resume();
  await once(secured, 'close');
  expect(performance.now() - startedMs).toBeGreaterThan(1_900);
  expect(performance.now() - startedMs).toBeLessThan(3_000);
});

it('takes the numbers of its configuration: an idle subflow is asked as often as they say', async () => {
  const { concentrator } = await start(['laptop'], {}, { tuning: { 'ping.intervalMs': 30 } });
  const { frames } = await connect(concentrator, 'laptop');
  const pings = () => frames.filter(({ type }) => type === 'ping').length;
  // By default there is one a second.
  await expect.poll(pings, { timeout: 1_000 }).toBeGreaterThan(2);
});

it('says once that the congestion control cannot be had, not for each connection', async () => {
  const { concentrator, lines } = await start(['laptop'], {}, { congestionControl: 'nosuch' });
  for (let i = 0; i < 2; i++) await connect(concentrator, 'laptop');
  expect(lines.filter((line) => line.includes('congestion control nosuch cannot be set'))).toHaveLength(1);
});

it.each([{ sessions: 1 }, { sessionsPerClient: 1 }])(
  'at its limit of %o takes a client that has lost its session in the place of that',
  async (limits) => {
    const { concentrator } = await start(['laptop', 'phone'], limits);
    const lost = await connect(concentrator, 'laptop');
    await expect(connect(concentrator, 'laptop')).rejects.toThrow('resourceExceeded');
    lost.transport.destroy();
    await expect.poll(() => connect(concentrator, 'laptop').then(() => 'in', String)).toBe('in');
  },
);

async function start(
  clientIds: readonly string[],
  limits: Partial<ConcentratorLimits> = {},
  keys: Partial<ConcentratorConfig> = {},
) {
  const lines: string[] = [];
  const config: ConcentratorConfig = {
    file: 'concentrator.yaml',
    listen: [{ host: '127.0.0.1', port: 0, required: true }],
    public: [],
    announce: { addresses: [], joinHere: true },
    tls: { certificate: identity.certificate, key: identity.privateKey },
    tlsKeyFile: 'key.pem',
    clientsFile: 'clients.yaml',
    clients: clientIds.map((id) => ({ id, key: keyOf(id) })),
    egress: { allow: [], deny: [], connectTimeoutMs: 1_000, resolveTimeoutMs: 1_000 },
    limits: {
      sessions: 16,
      sessionsPerClient: 4,
      streamsPerSession: 16,
      subflowsPerSession: 4,
      memoryPerSessionBytes: 1_000_000,
      memoryTotalBytes: 16_000_000,
      handshakeTimeoutMs: 20_000,
      streamIdleTimeoutMs: 60_000,
      drainTimeoutMs: 0,
      ...limits,
    },
    lingerMs: 60_000,
    tuning: {},
    log: { level: 'info', format: 'json' },
    ...keys,
  };
  const concentrator = await startConcentrator(config, {
    logger: pino({ level: 'info' }, { write: (line: string) => void lines.push(line) }),
    clock: () => performance.now(),
    wallClock: () => Date.now(),
    native: loadNative(),
    version: '0',
    nodeVersion: '0',
  });
  onCleanup(() => concentrator.close());
  return { concentrator, config, lines };
}

function keyOf(clientId: string): Uint8Array {
  return new Uint8Array(32).fill(clientId.length);
}

/** A client with one subflow that only listens. */
async function connect(concentrator: Concentrator, id: string, key = keyOf(id)) {
  const transport = await dial(concentrator.addresses[0]!.port);
  const { result, takeRest } = await clientSubflowHandshake(
    transport,
    {
      crypto: nodeHandshakeCrypto,
      identity: { id, key },
      uplinkName: 'lan',
      backup: false,
      intent: { kind: 'hello' },
    },
    5_000,
  );
  const frames: ControlFrame[] = [];
  const closed = deferred<void>();
  const parser = new FrameParser();
  const sink = { onData() {}, onControl: (frame: ControlFrame) => void frames.push(frame) };
  transport.setHandlers({
    onBytes: (chunk) => parser.push(chunk.bytes, sink),
    onWritable() {},
    onClose: () => closed.resolve(),
  });
  parser.push(takeRest(), sink);
  return { transport, welcome: result.welcome, frames, closed: closed.promise };
}
