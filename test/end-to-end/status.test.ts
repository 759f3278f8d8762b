import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { formatClientKey } from '../../shared/runtime/identity/client-key.ts';
import { code, projectFile, tableRows } from '../documents/markdown.ts';
import { eventually } from '../support/eventually.ts';
import { startEcho } from './support/origin.ts';
import { Pair, UPLINKS } from './support/pair.ts';
import { readAll, socksConnect } from './support/socks-client.ts';

const PASSWORD = 'correct horse battery staple';
const LOGIN = { user: 'alice', password: PASSWORD };
/** Nothing is there for the last one to reach. */
const DEAD = '127.0.0.4';
const PUBLISHED_PORT = 22_020;

const rows = tableRows(await projectFile('docs/observability.md'), '## Fields of the status').map(
  ([field, of = '']) => ({
    field: code(field)!,
    of: of.split(', '),
  }),
);

/** The paths that the document has for a program, or for a concentrator of several processes. */
function documented(program: 'client' | 'concentrator', ...more: readonly string[]): string[] {
  const above = program === 'client' ? 'uplinks[].' : 'sessions[].uplinks[].';
  const fieldsOf = (...kinds: string[]) => rows.filter(({ of }) => of.some((kind) => kinds.includes(kind)));
  const ofUplink = program === 'client' ? ['uplink', 'uplink at the client'] : ['uplink'];
  return [
    ...fieldsOf('both', program, ...more).map(({ field }) => field),
    ...fieldsOf(...ofUplink).map(({ field }) => above + field),
    ...fieldsOf('subflow').map(({ field }) => `${above}subflows[].${field}`),
  ].filter((path) => !path.endsWith('[]'));
}

/** The paths of all values in it that are neither maps nor lists; of a list of such, the path of the list. */
function paths(value: unknown, path = ''): string[] {
  if (Array.isArray(value))
    return value.flatMap((one) => paths(one, typeof one === 'object' ? `${path}[]` : path));
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([key, one]) => paths(one, path === '' ? key : `${path}.${key}`));
}

describe('the status', () => {
  let pair: Pair;
  const status = async (program: 'client' | 'concentrator') =>
    JSON.parse((await pair.get(program, '/status')).text);

  beforeAll(async () => {
    const uplinks = [
      {
        name: UPLINKS[0],
        address: '127.0.0.2',
        metered: { rateLimit: { down: '50Mbit/s', up: '20Mbit/s' }, monthly: '20GB' },
      },
      { name: UPLINKS[1], address: '127.0.0.3', backup: true },
      { name: 'dead', proxy: `socks5://user:${PASSWORD.replaceAll(' ', '-')}@${DEAD}:9` },
    ];
    const steering = { default: 'round-robin', rules: [{ host: 'tracker.example', block: true }] };
    pair = await Pair.start({
      publish: { laptop: [PUBLISHED_PORT] },
      client: {
        uplinks,
        steering,
        publish: [{ listen: PUBLISHED_PORT, to: '127.0.0.1:9' }],
        socks: { users: [{ name: LOGIN.user, password: LOGIN.password }] },
      },
    });
    await pair.client.untilLine('uplink not usable');
    const origin = await startEcho();
    const { socket } = await socksConnect(pair.socks, origin, { login: LOGIN });
    socket.end('hello');
    await readAll(socket);
    await origin.close();
  });
  afterAll(() => pair.close());

  it('of the client says of each uplink what it does, and why', async () => {
    const { uplinks, ...client } = await status('client');
    expect(client).toMatchObject({
      program: 'tributary-client',
      ready: true,
      session: { state: 'established', draining: 0 },
      steering: { default: 'round-robin', rules: 1 },
    });
    expect(Date.parse(client.time) - Date.parse(client.session.since)).toBeGreaterThanOrEqual(0);
    const [left, right, dead] = uplinks;
    expect(left).toMatchObject({ name: 'left', state: 'in-use', cause: 'none', reason: 'in use' });
    expect(left.rateLimit).toEqual({ upBitsPerSecond: 20e6, downBitsPerSecond: 50e6 });
    expect(left.metered.map(({ period, capBytes }: Record<string, unknown>) => [period, capBytes])).toEqual([
      ['day', null],
      ['month', 20e9],
    ]);
    expect(left.sentBytes).toBeGreaterThan('hello'.length);
    expect(left.subflows).toHaveLength(1);
    expect(left.subflows[0].local).toMatch(/^127\.0\.0\.2:\d+$/);
    expect(left.subflows[0].remote).toBe(`${pair.host}:${pair.subflows.port}`);
    expect(right).toMatchObject({ state: 'backup', backup: true, metered: null, rateLimit: null });
    expect(dead).toMatchObject({ state: 'down', cause: 'connectionRefused', subflows: [], rttMs: null });
    expect(dead.reason).toMatch(/^no connection to the proxy .*ECONNREFUSED/);
    expect(dead.since <= client.time).toBe(true);
  });

  it('of the concentrator says the same of the other end of the subflows', async () => {
    const client = await status('client');
    const { sessions } = await status('concentrator');
    expect(sessions).toMatchObject([{ client: pair.clientId, state: 'established' }]);
    const [left, right] = sessions[0].uplinks;
    expect(left).toMatchObject({ name: 'left', state: 'in-use', rateLimit: { downBitsPerSecond: 50e6 } });
    expect(right).toMatchObject({ name: 'right', state: 'backup', rateLimit: null });
    for (const [at, uplink] of [left, right].entries()) {
      const [own] = client.uplinks[at].subflows;
      const { id, local, remote } = own;
      expect(uplink.subflows).toMatchObject([{ id, local: remote, remote: local }]);
    }
  });

  it('of both says whether UDP passes on each uplink', async () => {
    const udp = async () => {
      const [client, { sessions }] = [await status('client'), await status('concentrator')];
      const stateOf = ({ name, udp: report }: Record<string, { state: string } | null>) => [
        name,
        report?.state ?? null,
      ];
      return [client.uplinks.map(stateOf), sessions[0].uplinks.map(stateOf)];
    };
    const both = UPLINKS.map((name) => [name, 'working']);
    await expect.poll(udp, { timeout: 10_000 }).toEqual([[...both, ['dead', null]], both]);
    expect(await status('client')).toMatchObject({ datagrams: { carried: true, applications: 0, flows: 0 } });
    expect((await pair.get('client', '/status.txt')).text).toMatch(
      /^left +working +[\d.]+ ms .*packets pass$/m,
    );
  });

  it.each(['client', 'concentrator'] as const)(
    'of the %s has the fields that docs/observability.md explains',
    async (program) => {
      const told = new Set(paths(await status(program)));
      const expected = new Set(documented(program));
      const nullable = ['uplinks[].rateLimit', 'uplinks[].metered', 'uplinks[].udp'];
      for (const path of [...nullable, 'sessions[].uplinks[].rateLimit', 'sessions[].uplinks[].udp'])
        told.delete(path);
      // There is no such interface here.
      for (const path of ['leftOut[].interface', 'leftOut[].reason']) expected.delete(path);
      expect([...told].sort()).toEqual([...expected].sort());
    },
  );

  it('of a concentrator with workers has the fields that the document has for them, too', async () => {
    const several = await Pair.start({
      publish: { laptop: [PUBLISHED_PORT + 1] },
      concentrator: { workers: 2 },
      client: { publish: [{ listen: PUBLISHED_PORT + 1, to: '127.0.0.1:9' }] },
    });
    onTestFinished(() => several.close());
    const wanted = [...new Set(documented('concentrator', 'concentrator with workers'))].sort();
    await eventually(async () => {
      const told = JSON.parse((await several.get('concentrator', '/status')).text);
      expect(told.workers).toMatchObject([
        { worker: 1, state: 'up' },
        { worker: 2, state: 'up' },
      ]);
      expect(told.sessions).toHaveLength(1);
      expect([1, 2]).toContain(told.sessions[0].worker);
      const nullable = ['sessions[].uplinks[].rateLimit', 'sessions[].uplinks[].udp'];
      const found = [...new Set(paths(told))].filter((path) => !nullable.includes(path));
      const isAlways = (path: string) => !nullable.some((one) => path.startsWith(`${one}.`));
      expect(found.filter(isAlways).sort()).toEqual(wanted.filter(isAlways));
    });
  });

  it.each(['client', 'concentrator'] as const)(
    'of the %s holds no secret, and reads as tables too',
    async (program) => {
      const { text } = await pair.get(program, '/status.txt');
      expect(text).toMatch(/^left +in-use +/m);
      const all = text + (await pair.get(program, '/status')).text;
      expect(all).not.toContain(formatClientKey(pair.clientKey));
      expect(all).not.toMatch(/correct.horse/);
    },
  );

  it('agrees with the metrics on why an uplink is not used', async () => {
    const metrics = await pair.metrics('client');
    expect(metrics.sum('tributary_uplink_reason_info', { uplink: 'dead', reason: 'connectionRefused' })).toBe(
      1,
    );
    for (const uplink of [...UPLINKS, 'dead'])
      expect(metrics.sum('tributary_uplink_reason_info', { uplink })).toBe(1);
  });
});
