import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { json } from 'node:stream/consumers';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { assemble } from '../../client-proxy/assemble.ts';
import type { ClientConfig } from '../../client-proxy/config/client-config.ts';
import { loadClientConfig } from '../../client-proxy/config/load-client-config.ts';
import { zoneWarning } from '../../client-proxy/config/zone-warning.ts';
import type { ClientStatus } from '../../client-proxy/status/client-status.ts';
import { PartialReloadError } from '../../shared/runtime/config/reload.ts';
import { loadNative } from '../../shared/runtime/kernel/native.ts';
import { EndpointError } from '../../shared/runtime/observe/http-endpoint.ts';
import { type ListenAddress, ListenError } from '../../shared/runtime/tcp/tcp-listener.ts';
import { temporaryDirectory, temporaryFile } from '../config/temporary-directory.ts';
import { useCleanups } from '../support/cleanups.ts';
import { freePort, takenPort } from '../support/ports.ts';
import { running, untilRunning } from '../support/running.ts';

const after = useCleanups();

beforeEach(async () => {
  // What the test before this one has closed may need a moment to be gone.
  await untilRunning([]);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A client whose concentrator is not there, with an uplink whose bytes are counted; what it logs. */
async function client({ socks = 0, metrics = 0, timeZone = 'UTC', more = '' } = {}) {
  const file = await temporaryFile(
    'client.yaml',
    `concentrator: { addresses: ["127.0.0.1:${await freePort()}"], pin: "sha256:${'A'.repeat(43)}" }
client: { id: laptop, key: c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I }
socks: { listen: "127.0.0.1:${socks || (await freePort())}" }
metrics: { listen: "127.0.0.1:${metrics || (await freePort())}" }
uplinks:
  - { name: left, address: 127.0.0.2, metered: { monthly: 1 GB } }
${more}
`,
  );
  const config = await loadClientConfig(file);
  const lines: string[] = [];
  const logger = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) });
  const proxy = await assemble(config, {
    logger,
    clock: () => performance.now(),
    wallClock: () => Date.now(),
    random: () => 0,
    native: loadNative(),
    version: '0',
    nodeVersion: '0',
    stateDirectory: await temporaryDirectory(),
    timeZone,
  });
  const said = (message: string) => lines.filter((line) => line.includes(`"msg":"${message}"`));
  return { proxy, config, logger, said };
}

/** The names of the concentrators that a client has, as its status tells. */
async function concentratorsOf({ metrics }: ClientConfig): Promise<readonly string[]> {
  const { host, port } = (metrics as { listen: ListenAddress }).listen;
  const [answer] = (await once(get({ host, port, path: '/status', agent: false }), 'response')) as [
    IncomingMessage,
  ];
  const { concentrators } = (await json(answer)) as ClientStatus;
  return concentrators.map(({ name }) => name);
}

it('leaves nothing behind when it closes', async () => {
  const before = running();
  const { proxy } = await client();
  await proxy.start();
  expect(running().length).toBeGreaterThan(before.length + 3);
  await proxy.close();
  await untilRunning(before);
});

it('leaves nothing behind when the port of its metrics is taken', async () => {
  const { port: metrics, free } = await takenPort();
  after(free);
  const before = running();
  const { proxy, config } = await client({ metrics });
  await expect(proxy.start()).rejects.toThrow(EndpointError);
  await untilRunning(before);
  const socket = connect(config.socks.listen[0] as ListenAddress);
  await expect(once(socket, 'connect')).rejects.toThrow('ECONNREFUSED');
});

it('leaves nothing behind when the port for applications is taken', async () => {
  const { port: socks, free } = await takenPort();
  after(free);
  const before = running();
  const { proxy } = await client({ socks });
  await expect(proxy.start()).rejects.toThrow(ListenError);
  await untilRunning(before);
});

it('waits for open connections when it closes, until it is told a second time', async () => {
  const { proxy, config } = await client();
  await proxy.start();
  const socket = connect(config.socks.listen[0] as ListenAddress);
  const reset = once(socket, 'error');
  await once(socket, 'connect');
  let isOver = false;
  const closed = proxy.close().then(() => {
    isOver = true;
  });
  const refused = connect(config.socks.listen[0] as ListenAddress);
  await expect(once(refused, 'connect')).rejects.toThrow('ECONNREFUSED');
  expect(isOver).toBe(false);
  await proxy.close();
  await closed;
  expect((await reset)[0].code).toBe('ECONNRESET');
});

it('warns of a time zone that is not understood, at the start and after a reload', async () => {
  const timeZone = 'CET-1CEST,M3.5.0,M10.5.0/3';
  const { proxy, config, said } = await client({ timeZone });
  await proxy.start();
  after(() => proxy.close());
  const warnings = () => said(zoneWarning(config, timeZone)!).length;
  expect(warnings()).toBe(1);
  await proxy.reload(withUplink(config, 'right'));
  expect(warnings()).toBe(2);
});

it('takes a new configuration over', async () => {
  const { proxy, config, logger, said } = await client();
  await proxy.start();
  after(() => proxy.close());
  await proxy.reload({ ...withUplink(config, 'right'), log: { ...config.log, level: 'debug' } });
  expect([said('uplink added').length, logger.level]).toEqual([2, 'debug']);
  expect(said('reloaded')).toHaveLength(1);
});

it('changes nothing when the rules of a new configuration cannot be made', async () => {
  const { proxy, config, logger, said } = await client();
  await proxy.start();
  after(() => proxy.close());
  const broken: ClientConfig = {
    ...withUplink(config, 'right'),
    log: { level: 'debug', format: 'json' },
    steering: { ...config.steering, rules: [{ networks: ['no network'], action: { kind: 'block' } }] },
  };
  const reload = proxy.reload(broken);
  await expect(reload).rejects.toThrow('CIDR format');
  await expect(reload).rejects.not.toThrow(PartialReloadError);
  expect([said('uplink added').length, logger.level, said('reloaded')]).toEqual([1, 'info', []]);
});

it('says so when a new configuration holds in part only', async () => {
  const { proxy, config, said } = await client();
  await proxy.start();
  after(() => proxy.close());
  const broken = withUplink(config, 'right', { metered: { monthlyBytes: 1e9 } as never });
  await expect(proxy.reload(broken)).rejects.toThrow(PartialReloadError);
  expect(said('reloaded')).toEqual([]);
});

it('keeps its concentrator, and its fallback, until the restart that a change of the mode needs', async () => {
  const { proxy, config, said } = await client({ more: 'fallback: direct' });
  await proxy.start();
  after(() => proxy.close());
  const direct = await loadClientConfig(
    await temporaryFile(
      'direct.yaml',
      `mode: direct
uplinks:
  - { name: left, address: 127.0.0.2, metered: { monthly: 1 GB } }
`,
    ),
  );
  const { socks, metrics } = config;
  const before = await concentratorsOf(config);
  expect(before).toHaveLength(1);
  // The second time the file has not changed.
  for (let i = 0; i < 2; i++) {
    await proxy.reload({ ...direct, socks, ...(metrics && { metrics }) });
    expect(await concentratorsOf(config)).toEqual(before);
  }
  expect(said('concentrator removed: its connections go on')).toEqual([]);
  const [told] = said('reloaded; some keys need a restart');
  expect(JSON.parse(told!)).toMatchObject({
    live: [],
    restart: expect.arrayContaining(['mode', 'fallback']),
  });
  // Taken back, nothing waits for a restart any more.
  await proxy.reload(config);
  expect(said('reloaded').map((line) => JSON.parse(line))).toMatchObject([{ live: [], restart: [] }]);
});

function withUplink(config: ClientConfig, name: string, over: object = {}): ClientConfig {
  const right = { name, binding: { kind: 'address', address: '127.0.0.3' }, backup: false, ...over } as const;
  return { ...config, uplinks: [...config.uplinks, right] };
}
