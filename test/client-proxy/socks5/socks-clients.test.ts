import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { promisify } from 'node:util';
import { SocksClient } from 'socks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { needs } from '../../support/needs.ts';
import {
  connectRequest,
  dialDirectly,
  NO_AUTH_GREETING,
  RawClient,
  type SocksBed,
  startSocks,
} from './socks-bed.ts';

const USER = { name: 'ada', password: 'love:lace@1' };
const BODY = 'x'.repeat(200_000);

let web: Server;
let webPort: number;
let open: SocksBed;
let guarded: SocksBed;
const destinations: string[] = [];

beforeAll(async () => {
  web = createServer((_request, response) => response.end(BODY));
  web.listen(0, '127.0.0.1');
  await once(web, 'listening');
  webPort = (web.address() as { port: number }).port;
  open = await startSocks({
    onRequest: (request) => {
      destinations.push(`${request.destination.host} ${request.user ?? '-'}`);
      dialDirectly(request);
    },
  });
  guarded = await startSocks({
    users: [USER],
    onRequest: (request) => {
      destinations.push(`${request.destination.host} ${request.user ?? '-'}`);
      dialDirectly(request);
    },
  });
});

afterAll(async () => {
  await open.stop();
  await guarded.stop();
  web.closeAllConnections();
  web.close();
});

/** curl's exit status and output; the environment's own proxy settings are kept out. */
async function curl(...args: string[]): Promise<{ code: number; stdout: string }> {
  try {
    const { stdout } = await promisify(execFile)(
      'curl',
      ['-q', '-sS', '-m', '10', '--noproxy', '', ...args],
      {
        env: { PATH: '/usr/bin:/bin' },
        maxBuffer: 1 << 24,
      },
    );
    return { code: 0, stdout };
  } catch (error) {
    return { code: (error as { code: number }).code, stdout: '' };
  }
}

describe('curl', needs('curl'), () => {
  const url = (host: string) => `http://${host}:${webPort}/`;

  it.each([
    ['--socks5', '127.0.0.1', '127.0.0.1 -'],
    ['--socks5-hostname', 'localhost', 'localhost -'],
    ['--socks5-hostname', '127.0.0.1', '127.0.0.1 -'],
  ])('%s to %s', async (option, host, destination) => {
    destinations.length = 0;
    const result = await curl(option, `127.0.0.1:${open.port}`, url(host));
    expect(result).toEqual({ code: 0, stdout: BODY });
    expect(destinations).toEqual([destination]);
  });

  it.each(['--socks5', '--socks5-hostname'])('%s with user and password', async (option) => {
    destinations.length = 0;
    const credentials = ['--proxy-user', `${USER.name}:${USER.password}`];
    const result = await curl(option, `127.0.0.1:${guarded.port}`, ...credentials, url('127.0.0.1'));
    expect(result).toEqual({ code: 0, stdout: BODY });
    expect(destinations).toEqual(['127.0.0.1 ada']);
  });

  // 97 is CURLE_PROXY.
  it('fails on a wrong password, on missing credentials, and on a refused origin', async () => {
    const wrong = await curl('--socks5', `127.0.0.1:${guarded.port}`, '-U', 'ada:wrong', url('127.0.0.1'));
    const none = await curl('--socks5', `127.0.0.1:${guarded.port}`, url('127.0.0.1'));
    const refused = await curl('--socks5', `127.0.0.1:${open.port}`, 'http://127.0.0.1:1/');
    expect([wrong.code, none.code, refused.code]).toEqual([97, 97, 97]);
  });

  it.each([
    ['--socks4', '127.0.0.1', '127.0.0.1 -'],
    ['--socks4a', 'localhost', 'localhost -'],
  ])('%s to %s', async (option, host, destination) => {
    destinations.length = 0;
    const result = await curl(option, `127.0.0.1:${open.port}`, url(host));
    expect(result).toEqual({ code: 0, stdout: BODY });
    expect(destinations).toEqual([destination]);
    // 97 is CURLE_PROXY: SOCKS4 has no passwords.
    expect((await curl(option, `127.0.0.1:${guarded.port}`, url(host))).code).toBe(97);
    expect(guarded.log.join('')).toMatch(/SOCKS4, which has no passwords/);
  });
});

describe('the socks package', () => {
  const get = async (
    bed: SocksBed,
    host: string,
    credentials: { userId?: string; password?: string } = {},
  ) => {
    const { socket } = await SocksClient.createConnection({
      command: 'connect',
      destination: { host, port: webPort },
      proxy: { host: '127.0.0.1', port: bed.port, type: 5, ...credentials },
      timeout: 10_000,
    });
    socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    let length = 0;
    for await (const bytes of socket) length += (bytes as Buffer).length;
    return length;
  };

  it('fetches through the proxy, with and without user and password', async () => {
    expect(await get(open, '127.0.0.1')).toBeGreaterThan(BODY.length);
    expect(await get(open, 'localhost')).toBeGreaterThan(BODY.length);
    const credentials = { userId: USER.name, password: USER.password };
    expect(await get(guarded, 'localhost', credentials)).toBeGreaterThan(BODY.length);
  });

  it('is refused with a wrong password', async () => {
    await expect(get(guarded, 'localhost', { userId: 'ada', password: 'no' })).rejects.toThrow(
      /Authentication/,
    );
  });
});

it('serves 200 clients at the same time', async () => {
  const clients = Array.from({ length: 200 }, () => new RawClient(open.port));
  const request = Buffer.from('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  const answers = await Promise.all(
    clients.map(async (client) => {
      await client.send(Buffer.concat([NO_AUTH_GREETING, connectRequest(webPort), request]));
      return client.receiveAll();
    }),
  );
  expect(answers.filter((answer) => answer.toString('latin1').endsWith(BODY)).length).toBe(200);
  expect(open.server.counters.refused).toBe(0);
});
