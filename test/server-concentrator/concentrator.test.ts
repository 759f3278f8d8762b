import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { describe, expect, it } from 'vitest';
import type { ControlFrame } from '../../shared/protocol/codec/frame.ts';
import { ERROR_CODE } from '../../shared/protocol/errors.ts';
import { dial, ignore, lan, rawClient } from '../runtime/subflow/subflow-bench.ts';
import { connect, start } from './concentrator-bed.ts';

const ANOTHER_KEY = new Uint8Array(32).fill(9);

/** What a client was told, but for what each session begins with and what asks it for a sign of life. */
const told = ({ frames }: { readonly frames: readonly ControlFrame[] }) =>
  frames.filter(({ type }) => type !== 'datagramSetup' && type !== 'ping');

describe('a reload', () => {
  it('ends the session of a client whose key is another one now, and no other', async () => {
    const { concentrator, port, config } = await start(['kept', 'rotated']);
    const kept = await connect(port, 'kept');
    const rotated = await connect(port, 'rotated');
    const clients = config.clients.map((client) =>
      client.id === 'rotated' ? { ...client, key: ANOTHER_KEY } : client,
    );
    await concentrator.reload({ ...config, clients });
    await rotated.closed;
    expect(told(rotated)).toEqual([{ type: 'close', code: ERROR_CODE.notAuthorized }]);
    expect(told(kept)).toEqual([]);
    await expect(connect(port, 'rotated')).rejects.toThrow('without an answer');
    await connect(port, 'rotated', ANOTHER_KEY);
  });

  it('ends no session while a client has two keys, and then those that have proven the old one alone', async () => {
    const { concentrator, port, config } = await start(['laptop']);
    const before = await connect(port, 'laptop');
    const [{ id, key }] = config.clients as [(typeof config.clients)[0]];
    await concentrator.reload({ ...config, clients: [{ id, key: ANOTHER_KEY, oldKey: key }] });
    const [old, after] = [await connect(port, 'laptop', key), await connect(port, 'laptop', ANOTHER_KEY)];
    expect([told(before), told(old)]).toEqual([[], []]);
    await concentrator.reload({ ...config, clients: [{ id, key: ANOTHER_KEY }] });
    await Promise.all([before.closed, old.closed]);
    expect(told(before)).toEqual([{ type: 'close', code: ERROR_CODE.notAuthorized }]);
    expect(told(after)).toEqual([]);
    await expect(connect(port, 'laptop', key)).rejects.toThrow('without an answer');
  });

  it('tells sessions that live of addresses that are new, or no longer announced', async () => {
    const { concentrator, port, config } = await start(['laptop']);
    const client = await connect(port, 'laptop');
    const announce = { addresses: [{ host: '192.0.2.1', port: 443 }], joinHere: true };
    await concentrator.reload({ ...config, announce });
    const address = Uint8Array.of(192, 0, 2, 1);
    await expect
      .poll(() => client.frames)
      .toContainEqual(
        expect.objectContaining({ type: 'addressAdd', addressId: 1, port: 443, joinHere: true }),
      );
    expect(told(client)[0]).toMatchObject({ address });
    await concentrator.reload(config);
    await expect.poll(() => client.frames).toContainEqual({ type: 'addressRemove', addressId: 1 });
  });

  it('changes the log level of sessions that live', async () => {
    const { concentrator, port, config, lines } = await start(['laptop']);
    await connect(port, 'laptop');
    await concentrator.reload({ ...config, log: { level: 'error', format: 'json' } });
    const before = lines.length;
    await concentrator.close();
    // That the session closed is told at `info`.
    expect(lines.slice(before)).toEqual([]);
  });
});

it('sends further subflows elsewhere from the first word on, if it is to', async () => {
  const announce = { addresses: [{ host: '192.0.2.1', port: 443 }], joinHere: false };
  const { concentrator, port, config } = await start(['laptop', 'phone'], {}, { announce });
  const client = await connect(port, 'laptop');
  expect(client.welcome?.joinElsewhere).toBe(true);
  await expect
    .poll(() => client.frames)
    .toContainEqual(expect.objectContaining({ type: 'addressAdd', joinHere: false }));
  await concentrator.reload({ ...config, announce: { addresses: [], joinHere: true } });
  expect((await connect(port, 'phone')).welcome?.joinElsewhere).toBe(false);
});

it('lets the connection go when a defect of ours shows while a client is let in', {
  timeout: 5_000,
}, async () => {
  const announce = { addresses: [{ host: 'no address', port: 443 }], joinHere: true };
  const { port } = await start(['laptop'], {}, { announce });
  await (await connect(port, 'laptop')).closed;
});

it('strangers who finish TLS and keep silent do not lock a client out', { timeout: 60_000 }, async () => {
  const { port } = await start(['laptop'], { handshakesPerSecond: 100_000 });
  for (let batch = 0; batch < 13; batch++) {
    const addresses = Array.from({ length: 40 }, (_, i) => `127.0.${i}.${batch + 2}`);
    const strangers = await Promise.all(addresses.map((address) => dial(port, from(address))));
    for (const stranger of strangers) stranger.setHandlers(ignore);
  }
  await connect(port, 'laptop');
});

it('gives a stranger one time limit for TLS and HELLO together', async () => {
  const { port } = await start(['laptop'], { handshakeTimeoutMs: 4_000 });
  const startedMs = performance.now();
  const socket = await rawClient(port);
  await setTimeout(2_000);
  const secured = connectTls({ socket, ALPNProtocols: ['tributary/1'], rejectUnauthorized: false });
  await once(secured, 'secureConnect');
  secured.resume();
  await once(secured, 'close');
  expect(performance.now() - startedMs).toBeGreaterThan(3_900);
  // With a limit for each it would be six seconds.
  expect(performance.now() - startedMs).toBeLessThan(5_900);
});

it('takes the numbers of its configuration: an idle subflow is asked as often as they say', async () => {
  const { port } = await start(['laptop'], {}, { tuning: { 'ping.intervalMs': 30 } });
  const { frames } = await connect(port, 'laptop');
  const pings = () => frames.filter(({ type }) => type === 'ping').length;
  // By default there is one a second.
  await expect.poll(pings, { timeout: 1_000 }).toBeGreaterThan(2);
});

it('says once that the congestion control cannot be had, not for each connection', async () => {
  const { port, lines } = await start(['laptop'], {}, { congestionControl: 'nosuch' });
  for (let i = 0; i < 2; i++) await connect(port, 'laptop');
  expect(lines.filter((line) => line.includes('congestion control nosuch cannot be set'))).toHaveLength(1);
});

it.each([undefined, 'c1.example.org'])(
  'tells clients the server name of JOINs as configured: %s',
  async (joinName) => {
    const { port } = await start(['laptop'], {}, joinName === undefined ? {} : { joinName });
    const { welcome } = await connect(port, 'laptop');
    expect(welcome?.joinName).toBe(joinName);
  },
);

it.each([{ sessions: 1 }, { sessionsPerClient: 1 }])(
  'at its limit of %o takes a client that has lost its session in the place of that',
  async (limits) => {
    const { port } = await start(['laptop', 'phone'], limits);
    const lost = await connect(port, 'laptop');
    await expect(connect(port, 'laptop')).rejects.toThrow('resourceExceeded');
    lost.transport.destroy();
    await expect.poll(() => connect(port, 'laptop').then(() => 'in', String)).toBe('in');
  },
);

function from(address: string): typeof lan {
  return { ...lan, binding: { kind: 'address', address } };
}
