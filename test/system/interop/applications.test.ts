/*
 * Programs that are not ours, each through the one port, with an origin that they reach by name: the concentrator's name server is the
 * only one that knows it.
 */
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { generateCertificate } from '../../../shared/runtime/identity/certificate.ts';
import { needs } from '../../support/needs.ts';
import { NameServer } from '../support/name-server.ts';
import { SOCKS } from '../support/pair.ts';
import { ROOT } from '../support/program.ts';
import { resetNameServers, setNameServers } from '../support/resolv-conf.ts';
import { describeSystem } from '../support/system.ts';
import { untilListening } from '../support/until-listening.ts';

const NAME = 'origin.test';
const WEB_SOCKET_PORT = 8085;
const TLS_PORT = 8443;
const [PROXY_HOST = '', PROXY_PORT = ''] = SOCKS.split(':');
/** Of what the client of WebSockets sends. */
const MESSAGES = 8;
const LIMIT_MS = 40_000;

const paths = [
  { name: 'wan0', downMbps: 40, upMbps: 40 },
  { name: 'wan1', downMbps: 40, upMbps: 40 },
];
const support = (name: string) => join(ROOT, 'test', 'system', 'interop', 'support', name);

describeSystem('applications', { paths, congestionControl: 'cubic' }, (system) => {
  let folder: string;
  let names: NameServer;
  beforeAll(async () => {
    const { network, pair } = system();
    folder = await mkdtemp(join(tmpdir(), 'tributary-applications-'));
    const { v4 } = network.origin.address;
    names = await NameServer.start(network.concentrator, [`${NAME}=${v4}`], '127.0.0.1');
    await setNameServers(network.concentrator, ['127.0.0.1']);
    // Nobody answers there, and that at once: some programs ask before they leave a name to the proxy.
    await setNameServers(network.client, ['127.0.0.1']);
    await pair.start();
  });
  afterAll(async () => {
    names?.stop();
    const { concentrator, client } = system().network;
    for (const one of [concentrator, client]) await resetNameServers(one);
    await rm(folder, { recursive: true, force: true });
  });

  const requests = (protocol: string) =>
    system().pair.client.metric('tributary_application_requests_total', { protocol });

  /** What a program in the client's namespace prints, whose environment knows of no proxy. */
  function exec(command: string, args: readonly string[], env: Record<string, string> = {}): Promise<string> {
    const environment = Object.entries({ PATH: '/usr/bin:/bin', HOME: folder, LANG: 'C.UTF-8', ...env });
    const words = environment.map(([name, value]) => `${name}=${value}`);
    return system().network.client.exec('env', ['-i', ...words, command, ...args], { timeoutMs: LIMIT_MS });
  }

  test.each([
    ['http', 'connect'],
    ['socks4a', 'socks4'],
    ['socks5h', 'socks5'],
  ] as const)('WebSockets by a Python client: %s', needs('webSockets'), async (type, protocol) => {
    const { origin } = system().network;
    const { v4 } = origin.address;
    const server = origin.spawn(
      '/usr/bin/python3',
      [support('web-socket-echo.py'), v4, String(WEB_SOCKET_PORT)],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    await once(server.stdout!, 'data');
    const before = await requests(protocol);
    const url = `ws://${NAME}:${WEB_SOCKET_PORT}/`;
    const told = await exec('/usr/bin/python3', [
      support('web-socket-client.py'),
      ...[url, PROXY_HOST, PROXY_PORT, type],
    ]);
    expect(told).toBe(`${MESSAGES} messages\n`);
    expect((await requests(protocol)) - before).toBe(1);
    server.kill();
    await once(server, 'exit');
  });

  // `keytool` comes with every Java, and asks by java.net as any program would.
  test.each([
    ['SOCKS5', ['socksProxyHost', 'socksProxyPort'], 'socks5', 'socks5'],
    ['HTTP', ['http.proxyHost', 'http.proxyPort', 'https.proxyHost', 'https.proxyPort'], 'connect', 'http'],
  ] as const)('Java by %s: TLS and plain HTTP', needs('java'), async (_, keys, forTls, forHttp) => {
    const settings = keys.map((key) => `-J-D${key}=${key.endsWith('Host') ? PROXY_HOST : PROXY_PORT}`);
    const server = await startTls();
    const tlsBefore = await requests(forTls);
    const certificate = await exec('keytool', [
      ...['-printcert', '-sslserver', `${NAME}:${TLS_PORT}`],
      ...settings,
    ]);
    expect(certificate).toContain('CN=tributary');
    expect(await requests(forTls)).toBeGreaterThan(tlsBefore);
    server.kill();
    const httpBefore = await requests(forHttp);
    // An empty list of revoked certificates.
    await exec('keytool', ['-printcrl', '-file', `http://${NAME}:${httpPort()}/bytes/0`, ...settings]);
    expect((await requests(forHttp)) - httpBefore).toBe(1);
  });

  test('torsocks looks names up through the proxy, and connects', needs('torsocks'), async () => {
    const before = await lookups();
    const options = ['--address', PROXY_HOST, '--port', PROXY_PORT];
    const url = `http://${NAME}:${httpPort()}/peer`;
    expect(await exec('torsocks', [...options, 'curl', '-sS', '--max-time', '15', url])).toBe('10.78.254.1');
    expect((await lookups()) - before).toBeGreaterThanOrEqual(1);
  });

  test.each([
    ['-5', NAME],
    ['-4', NAME],
  ])('tor-resolve %s %s', needs('torResolve'), async (version, name) => {
    const before = await lookups();
    expect((await exec('tor-resolve', [version, name, SOCKS], { PATH: process.env.PATH ?? '' })).trim()).toBe(
      system().network.origin.address.v4,
    );
    expect((await lookups()) - before).toBe(1);
    await expect(exec('tor-resolve', [version, 'none.test', SOCKS])).rejects.toThrow();
  });

  const httpPort = () => new URL(system().pair.origin.url).port;
  const lookups = () => system().pair.client.metric('tributary_lookups_total', { result: 'ok' });

  async function startTls() {
    const { origin } = system().network;
    const { certificate, key } = await generateCertificate(new Date());
    await writeFile(join(folder, 'tls.json'), JSON.stringify({ cert: certificate, key }), { mode: 0o600 });
    const script =
      `const tls = JSON.parse(require('fs').readFileSync(${JSON.stringify(join(folder, 'tls.json'))}));` +
      `require('https').createServer(tls, (_, answer) => answer.end('hello')).listen(${TLS_PORT})`;
    const server = origin.spawn(process.execPath, ['-e', script], { stdio: 'ignore' });
    await untilListening(origin, TLS_PORT);
    return server;
  }
});
