import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateCertificate } from '../../shared/runtime/identity/certificate.ts';
import { Pair } from '../end-to-end/support/pair.ts';
import { Program } from '../end-to-end/support/program.ts';
import { needs } from '../support/needs.ts';
import { Nginx } from './nginx.ts';
import { run } from './run.ts';

const BIG = randomBytes(5_000_000);
const PAGE = 'hello from the origin';
const USER = { name: 'alice', password: 'p@ss:word' };
const SSHD_PORT = 28_022;
const RSYNC_PORT = 28_873;

let pair: Pair;
let guarded: Pair;
let nginx: Nginx;
let folder: string;
beforeAll(async () => {
  pair = await Pair.start();
  const allow = ['127.0.0.1', pair.host];
  guarded = await Pair.start({ client: { socks: { users: [USER] } }, concentrator: { egress: { allow } } });
  const registry = {
    name: 'demo',
    'dist-tags': { latest: '1.2.3' },
    versions: { '1.2.3': { name: 'demo', version: '1.2.3' } },
  };
  nginx = await Nginx.start(pair.host, { 'hello.html': PAGE, big: BIG, demo: JSON.stringify(registry) });
  folder = await mkdtemp(join(tmpdir(), 'tributary-one-port-'));
});
afterAll(async () => {
  await nginx?.close();
  await Promise.all([pair?.close(), guarded?.close()]);
  await rm(folder, { recursive: true, force: true });
});

const at = ({ host, socks }: Pair) => `${host}:${socks.port}`;
const LOGIN = `${USER.name}:${encodeURIComponent(USER.password)}`;
/** The environment's own proxies are kept out. */
const BARE = { PATH: '/usr/bin:/bin:/usr/sbin:/sbin', HOME: '/nonexistent', LANG: 'C.UTF-8' };
const plain = (
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
  limitMs = 30_000,
) =>
  run(
    'env',
    [
      '-i',
      ...Object.entries({ ...BARE, ...env }).map(([name, value]) => `${name}=${value}`),
      command,
      ...args,
    ],
    limitMs,
  );

/** What the pair has counted since the last call. */
const counted: Record<string, number> = {};
async function newRequests(): Promise<Record<string, number>> {
  const metrics = await pair.metrics('client');
  const news: Record<string, number> = {};
  for (const protocol of ['socks4', 'socks5', 'connect', 'http']) {
    const now = metrics.sum('tributary_application_requests_total', { protocol });
    if (now > (counted[protocol] ?? 0)) news[protocol] = now - (counted[protocol] ?? 0);
    counted[protocol] = now;
  }
  return news;
}

describe('curl', needs('curl', 'nginx'), () => {
  const curl = (args: readonly string[]) => plain('curl', ['-q', '-sS', '-m', '15', '-k', ...args]);

  it.each([
    ['socks4://', [], 'socks4', 'socks4'],
    ['socks4a://', [], 'socks4', 'socks4'],
    ['socks5://', [], 'socks5', 'socks5'],
    ['socks5h://', [], 'socks5', 'socks5'],
    ['http://', [], 'http', 'connect'],
    ['http://', ['--proxytunnel'], 'connect', 'connect'],
    ['http://', ['--http1.0'], 'http', 'connect'],
    ['http://', ['--proxy1.0'], 'http', 'connect'],
    ['http://', ['--http2'], 'http', 'connect'],
  ] as const)('%s %j: HTTP and HTTPS', async (scheme, options, forHttp, forHttps) => {
    await newRequests();
    const proxy =
      options[0] === '--proxy1.0' ? ['--proxy1.0', at(pair)] : ['-x', `${scheme}${at(pair)}`, ...options];
    expect(await curl([...proxy, `${nginx.http}/hello.html`])).toBe(PAGE);
    expect(await newRequests()).toEqual({ [forHttp]: 1 });
    expect(await curl([...proxy, `${nginx.https}/hello.html`])).toBe(PAGE);
    expect(await newRequests()).toEqual({ [forHttps]: 1 });
    await curl([...proxy, '--output', `${folder}/big`, `${nginx.http}/big`]);
    expect((await readFile(`${folder}/big`)).equals(BIG)).toBe(true);
    await newRequests();
  });

  it.each(['socks5://', 'socks5h://', 'http://'])('%s with user and password', async (scheme) => {
    for (const url of [nginx.http, nginx.https]) {
      expect(await curl(['-x', `${scheme}${LOGIN}@${at(guarded)}`, `${url}/hello.html`])).toBe(PAGE);
    }
  });

  it('asks what login is wanted, and gives it', async () => {
    for (const url of [nginx.http, nginx.https]) {
      const login = ['--proxy-anyauth', '--proxy-user', `${USER.name}:${USER.password}`];
      expect(await curl(['-x', `http://${at(guarded)}`, ...login, `${url}/hello.html`])).toBe(PAGE);
    }
  });

  // 97 is CURLE_PROXY, 56 CURLE_RECV_ERROR: what a CONNECT gets that is not 2xx.
  it.each([
    ['socks4://', 97],
    ['socks4a://', 97],
    ['socks5h://', 97],
    ['http://', 56],
  ])('%s without a password is refused', async (scheme, code) => {
    await expect(curl(['-x', `${scheme}${at(guarded)}`, `${nginx.https}/hello.html`])).rejects.toThrow(
      `ended with ${code}:`,
    );
  });

  it('keeps one connection alive through plain HTTP, and sends and gets much', async () => {
    const urls = Array(5).fill(`${nginx.http}/hello.html`);
    const told = await curl(['-x', `http://${at(pair)}`, '--write-out', ' %{num_connects}\n', ...urls]);
    expect(told.split('\n').slice(0, 5)).toEqual([`${PAGE} 1`, ...Array(4).fill(`${PAGE} 0`)]);
    await newRequests();
  });

  it('is told why', async () => {
    const refused = await curl(['-x', `http://${at(pair)}`, '-w', '%{http_code}', `http://${pair.host}:10/`]);
    expect(refused).toMatch(/has refused the connection\.\n502$/);
    const denied = await curl(['-x', `http://${at(pair)}`, '-w', '%{http_code}', 'http://127.0.0.99:8080/']);
    expect(denied).toMatch(/blocked[\s\S]*403$/);
  });

  it('is offered no TLS to the port', async () => {
    await expect(curl(['--proxy-insecure', '-x', `https://${at(pair)}`, nginx.http])).rejects.toThrow(
      /ended with 35:/,
    );
  });
});

describe('others with plain HTTP and CONNECT', () => {
  it('wget, with a login and without', needs('wget', 'nginx'), async () => {
    for (const [proxy, more] of [
      [pair, []],
      [guarded, ['--proxy-user', USER.name, '--proxy-password', USER.password]],
    ] as const) {
      const env = { http_proxy: `http://${at(proxy)}`, https_proxy: `http://${at(proxy)}` };
      const options = ['-q', '-O', '-', '--no-check-certificate', '--tries=1', '--timeout=10', ...more];
      expect(await plain('wget', [...options, `${nginx.http}/hello.html`], env)).toBe(PAGE);
      expect(await plain('wget', [...options, `${nginx.https}/hello.html`], env)).toBe(PAGE);
    }
  });

  it("apt's downloads", needs('nginx'), async () => {
    const options = [
      '-o',
      `Acquire::http::Proxy=http://${LOGIN}@${at(guarded)}`,
      '-o',
      'APT::Sandbox::User=root',
    ];
    await plain('/usr/lib/apt/apt-helper', [
      ...options,
      'download-file',
      `${nginx.http}/big`,
      `${folder}/apt`,
    ]);
    expect((await readFile(`${folder}/apt`)).equals(BIG)).toBe(true);
  });

  it('npm', needs('nginx'), async () => {
    const options = ['--registry', nginx.http, '--proxy', `http://${LOGIN}@${at(guarded)}`, '--noproxy', ''];
    const env = { HOME: folder, PATH: process.env.PATH ?? '' };
    expect(
      (await plain('npm', ['view', 'demo', 'version', ...options, '--fetch-retries', '0'], env)).trim(),
    ).toBe('1.2.3');
  });

  it('Python requests, by every scheme', needs('python', 'nginx'), async () => {
    const script = [
      'import requests, sys, urllib3',
      'urllib3.disable_warnings()',
      'for proxy in sys.argv[3:]:',
      '  for url in sys.argv[1:3]:',
      '    answer = requests.get(url, proxies={"http": proxy, "https": proxy}, verify=False, timeout=10)',
      '    print(answer.status_code, answer.text)',
    ].join('\n');
    const proxies = [
      ...['socks4', 'socks4a', 'socks5', 'socks5h', 'http'].map((scheme) => `${scheme}://${at(pair)}`),
      ...['socks5h', 'http'].map((scheme) => `${scheme}://${LOGIN}@${at(guarded)}`),
    ];
    const told = await plain('/usr/bin/python3', [
      '-c',
      script,
      `${nginx.http}/hello.html`,
      `${nginx.https}/hello.html`,
      ...proxies,
    ]);
    expect(told.trim().split('\n')).toEqual(Array(2 * proxies.length).fill(`200 ${PAGE}`));
  });

  it('rsync', needs('rsync'), async () => {
    await mkdir(`${folder}/module`, { recursive: true });
    await writeFile(`${folder}/module/big`, BIG);
    const configuration = `use chroot = no\nport = ${RSYNC_PORT}\naddress = ${pair.host}\n[module]\npath = ${folder}/module\nuid = ${process.getuid?.()}\n`;
    await writeFile(`${folder}/rsyncd.conf`, configuration);
    const daemon = new Program('rsync', ['--daemon', '--no-detach', `--config=${folder}/rsyncd.conf`]);
    try {
      await listening(pair.host, RSYNC_PORT);
      await newRequests();
      await plain('rsync', [`rsync://${pair.host}:${RSYNC_PORT}/module/big`, `${folder}/rsync-big`], {
        RSYNC_PROXY: at(pair),
      });
      expect(await newRequests()).toEqual({ connect: 1 });
      expect((await readFile(`${folder}/rsync-big`)).equals(BIG)).toBe(true);
    } finally {
      await daemon.stop();
    }
  });

  it('git over https', needs('git'), async () => {
    const bare = `${folder}/repository.git`;
    const git = (args: readonly string[], env = {}) => plain('git', args, { HOME: folder, ...env });
    const author = ['-c', 'user.name=a', '-c', 'user.email=a@b'];
    await git(['init', '-q', `${folder}/source`]);
    await writeFile(`${folder}/source/big`, BIG);
    await git(['-C', `${folder}/source`, 'add', 'big']);
    await git([...author, '-C', `${folder}/source`, 'commit', '-q', '-m', 'big']);
    await git(['clone', '-q', '--bare', `${folder}/source`, bare]);
    await git(['-C', bare, 'update-server-info']);
    const server = await serveFiles(folder, pair.host);
    try {
      const { port } = server.address() as AddressInfo;
      for (const scheme of ['http', 'socks5h', 'socks4a']) {
        const options = ['-c', 'http.sslVerify=false', '-c', `http.proxy=${scheme}://${at(pair)}`];
        await git([
          ...options,
          'clone',
          '-q',
          `https://${pair.host}:${port}/repository.git`,
          `${folder}/${scheme}`,
        ]);
        expect((await readFile(`${folder}/${scheme}/big`)).equals(BIG)).toBe(true);
      }
      await newRequests();
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});

describe('ssh', needs('ssh', 'netcat', 'connectProxy'), () => {
  let daemon: Program;
  beforeAll(async () => {
    for (const name of ['host', 'user'])
      await plain('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', `${folder}/${name}`]);
    await mkdir('/run/sshd', { recursive: true });
    const lines = [
      `ListenAddress ${pair.host}:${SSHD_PORT}`,
      `HostKey ${folder}/host`,
      `AuthorizedKeysFile ${folder}/user.pub`,
      `PidFile ${folder}/sshd.pid`,
      'StrictModes no',
      'UsePAM no',
      'PermitRootLogin yes',
    ];
    await writeFile(`${folder}/sshd_config`, `${lines.join('\n')}\n`);
    daemon = new Program('/usr/sbin/sshd', ['-D', '-e', '-f', `${folder}/sshd_config`]);
    await listening(pair.host, SSHD_PORT);
  });
  afterAll(() => daemon?.stop());

  it.each([
    ['nc -X connect', 'connect', () => `nc.openbsd -X connect -x ${at(pair)} %h %p`],
    ['nc -X 5', 'socks5', () => `nc.openbsd -X 5 -x ${at(pair)} %h %p`],
    ['nc -X 4', 'socks4', () => `nc.openbsd -X 4 -x ${at(pair)} %h %p`],
    ['connect-proxy -H', 'connect', () => `connect-proxy -H ${at(pair)} %h %p`],
    ['connect-proxy -S', 'socks5', () => `connect-proxy -R remote -S ${at(pair)} %h %p`],
    ['connect-proxy -4', 'socks4', () => `connect-proxy -4 -R remote -S ${at(pair)} %h %p`],
  ] as const)('%s', async (_name, protocol, command) => {
    await newRequests();
    const options = [
      'BatchMode=yes',
      'StrictHostKeyChecking=no',
      'UserKnownHostsFile=/dev/null',
      'LogLevel=ERROR',
      `ProxyCommand=${command()}`,
    ];
    const args = [
      '-F',
      'none',
      '-i',
      `${folder}/user`,
      '-p',
      String(SSHD_PORT),
      ...options.flatMap((option) => ['-o', option]),
    ];
    expect(await plain('ssh', [...args, `root@${pair.host}`, 'echo from', 'afar'])).toBe('from afar');
    expect(await newRequests()).toEqual({ [protocol]: 1 });
  });
});

describe('Chromium', needs('chromium', 'nginx'), () => {
  it.each([
    ['as HTTP proxy', 'http', () => `--proxy-server=http://${at(pair)}`],
    ['as SOCKS4 proxy', 'socks4', () => `--proxy-server=socks4://${at(pair)}`],
    ['by proxy.pac', 'http', () => `--proxy-pac-url=http://${at(pair)}/proxy.pac`],
  ] as const)('%s', { timeout: 180_000 }, async (_what, protocol, option) => {
    await newRequests();
    const profile = await mkdtemp(join(folder, 'chromium-'));
    const dom = await run(
      'chromium',
      [
        ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
        ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
        `--user-data-dir=${profile}`,
        option(),
        '--proxy-bypass-list=<-loopback>',
        `--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE ${pair.host}`,
        '--dump-dom',
        `${nginx.http}/hello.html`,
      ],
      50_000,
    );
    expect(dom).toContain(PAGE);
    expect((await newRequests())[protocol] ?? 0).toBeGreaterThan(0);
  });
});

async function serveFiles(root: string, host: string): Promise<Server> {
  const { certificate, key } = await generateCertificate(new Date());
  const server = createServer({ cert: certificate, key }, (request, response) => {
    readFile(join(root, decodeURIComponent((request.url ?? '').split('?')[0]!))).then(
      (bytes) => response.end(bytes),
      () => response.writeHead(404).end(),
    );
  });
  server.listen(0, host);
  await once(server, 'listening');
  return server;
}

async function listening(host: string, port: number): Promise<void> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    const socket = createConnection({ host, port });
    const isUp = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    socket.destroy();
    if (isUp) return;
    if (performance.now() > deadline) throw new Error(`nothing listens at ${host}:${port}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
