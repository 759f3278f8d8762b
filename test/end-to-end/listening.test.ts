import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, readlink, rm, stat } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { descriptorOf } from '../../shared/runtime/kernel/socket-handle.ts';
import { temporaryFile } from '../config/temporary-directory.ts';
import { needs } from '../support/needs.ts';
import { freePort } from '../support/ports.ts';
import { type Origin, startEcho } from './support/origin.ts';
import { ownAddress, Pair } from './support/pair.ts';
import { programFile } from './support/program.ts';
import { readAll, readBytes, socksConnect } from './support/socks-client.ts';

type Place = Parameters<typeof socksConnect>[0];

let folder: string;
let origin: Origin;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tributary-listening-'));
  origin = await startEcho();
});
afterAll(async () => {
  await origin.close();
  await rm(folder, { recursive: true, force: true });
});

async function expectEcho(place: Place, bytes = Buffer.from('hello')): Promise<void> {
  const { reply, socket } = await socksConnect(place, origin);
  expect(reply).toBe(0);
  socket.end(bytes);
  expect((await readAll(socket)).bytes.equals(bytes)).toBe(true);
}

describe('a client that listens at two addresses and a Unix socket', () => {
  const host = ownAddress();
  const other = { host, port: 21_081 };
  const first = { host, port: 21_080 };
  let unix: { readonly path: string };
  let pair: Pair;
  beforeAll(async () => {
    unix = { path: join(folder, 'socks') };
    const listen = [`${host}:${first.port}`, `${host}:${other.port}`, `unix:${unix.path}`];
    pair = await Pair.start({ client: { socks: { listen, socketMode: '0660' } } });
  });
  afterAll(() => pair.close());

  it('serves at each of them', async () => {
    for (const place of [first, other, unix]) await expectEcho(place);
    await expectEcho(unix, Buffer.alloc(4_000_000, 'much through a Unix socket'));
    expect((await stat(unix.path)).mode & 0o777).toBe(0o660);
  });

  it('serves curl at the Unix socket', needs('curl'), async () => {
    const server = createHttpServer((_request, response) => response.end('by a Unix socket'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const proxy = ['--proxy', `socks5h://localhost${unix.path}`];
    const args = ['--silent', '--show-error', '--max-time', '20', ...proxy, `http://127.0.0.1:${port}/`];
    expect((await promisify(execFile)('curl', args)).stdout).toBe('by a Unix socket');
  });

  it('names all of them in its log and its status', async () => {
    const places = [`${host}:21080`, `${host}:21081`, `unix:${unix.path}`];
    expect(pair.client.output).toContain(`"socks":"${places.join(', ')}"`);
    expect(JSON.parse((await pair.get('client', '/status')).text)).toMatchObject({ socksListen: places });
  });

  it('notices that an application at the Unix socket has gone', async () => {
    const { socket } = await socksConnect(unix, origin);
    await expect.poll(async () => (await pair.metrics('client')).sum('tributary_streams')).toBe(1);
    socket.destroy();
    await expect.poll(async () => (await pair.metrics('client')).sum('tributary_streams')).toBe(0);
  });

  it('removes the Unix socket when it ends, and takes the place of what a crash has left', async () => {
    const { path } = unix;
    const config = await temporaryFile('client.yaml', leastConfig([`unix:${path}.2`]));
    const crashed = startClient(config);
    await crashed.untilUp();
    crashed.child.kill('SIGKILL');
    await once(crashed.child, 'exit');
    expect(existsSync(`${path}.2`)).toBe(true);
    const next = startClient(config);
    await next.untilUp();
    expect(await greeting({ path: `${path}.2` })).toBe('0500');
    next.child.kill('SIGTERM');
    await once(next.child, 'exit');
    expect(existsSync(`${path}.2`)).toBe(false);
  });
});

describe('sockets that are handed over', () => {
  it('are listened at, by name, and no child gets them', async () => {
    const path = join(folder, 'inherited');
    const servers = [createServer(), createServer(), createServer()] as const;
    servers[0].listen(0, '127.0.0.1');
    servers[1].listen(path);
    servers[2].listen(0, '127.0.0.1');
    await Promise.all(servers.map((server) => once(server, 'listening')));
    onTestFinished(() => {
      for (const server of servers) server.close();
    });
    const [tcp] = servers.map((server) => server.address()) as { port: number }[];
    const config = await temporaryFile('client.yaml', leastConfig(['systemd:socks', 'systemd:unix']));
    const client = startClient(config, servers, 'socks:unix:other');
    await client.untilUp();
    expect(client.output()).toContain(`"socks":"127.0.0.1:${tcp!.port}, systemd:unix"`);
    expect(client.output()).toContain('"unused":["other"]');
    // What comes in here is accepted by either process, so this one must not listen any more.
    servers[0].close();
    servers[1].close();
    expect(await greeting({ host: '127.0.0.1', port: tcp!.port })).toBe('0500');

    const { pid } = client.child;
    const children = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim().split(' ');
    expect(children.filter(Boolean).length).toBeGreaterThan(0);
    const own = await readlink(`/proc/${pid}/fd/3`);
    for (const child of children) {
      expect(await readFile(`/proc/${child}/environ`, 'utf8')).not.toContain('LISTEN_');
      expect(await readlink(`/proc/${child}/fd/3`).catch(() => 'none')).not.toBe(own);
    }
  });

  it.each([
    ['nothing was handed over', undefined, 'systemd has handed over no such socket (it has: none)'],
    ['they have other names', 'tls', 'systemd has handed over no such socket (it has: tls)'],
  ])('are missed: %s', async (_, name, message) => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const config = await temporaryFile('client.yaml', leastConfig(['systemd:socks']));
    const client = startClient(config, name === undefined ? [] : [server], name);
    const [code] = await once(client.child, 'exit');
    expect(code).toBe(1);
    expect(client.output()).toContain(message);
  });

  it('come from systemd', needs('systemd'), async () => {
    const place = { host: '127.0.0.1', port: await freePort() };
    const path = join(folder, 'activated');
    const listen = ['-l', `${place.host}:${place.port}`, '-l', path, '--fdname=socks:socks'];
    const starting = Pair.start({
      client: { socks: { listen: 'systemd' } },
      under: { client: ['systemd-socket-activate', ...listen] },
    });
    // It starts the client for the first connection, which the client then serves.
    const early = await vi.waitFor(() => expectEchoLater(place), { timeout: 30_000 });
    const pair = await starting;
    onTestFinished(() => pair.close());
    await early();
    await expectEcho(place);
    await expectEcho({ path });
  });
});

/** Connects now; what is returned goes on. */
async function expectEchoLater(place: { host: string; port: number }): Promise<() => Promise<void>> {
  const socket = connect(place);
  await once(socket, 'connect');
  socket.write(Buffer.of(5, 1, 0));
  return async () => {
    expect((await readBytes(socket, 2)).toString('hex')).toBe('0500');
    socket.destroy();
  };
}

async function greeting(place: Place): Promise<string> {
  const socket = connect(place);
  await once(socket, 'connect');
  socket.write(Buffer.of(5, 1, 0));
  const answer = await readBytes(socket, 2);
  socket.destroy();
  return answer.toString('hex');
}

/** A client without a concentrator. */
function leastConfig(listen: readonly string[]): string {
  return JSON.stringify({
    concentrator: { addresses: ['127.0.0.1:9'], pin: `sha256:${'A'.repeat(43)}` },
    client: { id: 'laptop', key: 'A'.repeat(43) },
    uplinks: { auto: false, list: [{ name: 'left', address: '127.0.0.2' }] },
    stateDir: '.',
    socks: { listen },
    metrics: false,
    log: { format: 'json' },
  });
}

/** Runs a client that gets the descriptors of these servers from 3 on, as from systemd. */
function startClient(config: string, servers: readonly Server[] = [], names = '') {
  const asFromSystemd = `LISTEN_PID=$$ LISTEN_FDS=${servers.length} LISTEN_FDNAMES=${names} exec "$0" "$@"`;
  const child = spawn(
    '/usr/bin/setpriv',
    [
      '--pdeathsig',
      'KILL',
      'sh',
      '-c',
      asFromSystemd,
      process.execPath,
      programFile('client-proxy'),
      '--config',
      config,
    ],
    { stdio: ['ignore', 'pipe', 'pipe', ...servers.map((server) => descriptorOf(server as never)!)] },
  );
  onTestFinished(() => void child.kill('SIGKILL'));
  let output = '';
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const untilUp = () =>
    vi.waitFor(() => expect(output).toContain('client proxy is up'), { timeout: 30_000, interval: 20 });
  return { child, output: () => output, untilUp };
}
