import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Program } from '../end-to-end/support/program.ts';
import { startNameServer } from '../support/name-server.ts';
import { needs } from '../support/needs.ts';
import { freePort } from '../support/ports.ts';

const CONFIGURATION = resolve(import.meta.dirname, '../../deploy/kubernetes/files/haproxy.cfg');
const CLUSTER = 'tributary.svc.cluster.local';
const PODS = {
  'concentrator-0': '127.78.0.10',
  'concentrator-1': '127.78.0.11',
  'concentrator-9': '127.78.0.19',
};
const ADDRESSES = Object.values(PODS);
/** As the cluster's name server knows them. */
const NAMES = Object.fromEntries(
  Object.entries(PODS).map(([name, address]) => [`${name}.concentrator-pods.${CLUSTER}`, address]),
);
const PROXY_V2 = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const READY_MS = 20_000;
/** Well below what clients wait for a connection. */
const ANSWER_MS = 2_000;

describe('HAProxy in Kubernetes', needs('haproxy'), () => {
  it('leads connections to the pod that the TLS server name begins with, and all others to any', async () => {
    const { to, queries } = await startBalancer();
    expect(await to('concentrator-0.proxy.example.org')).toBe(PODS['concentrator-0']);
    expect(await to('concentrator-9.proxy.example.org')).toBe(PODS['concentrator-9']);
    expect(await to('w3.concentrator-1.proxy.example.org')).toBe(PODS['concentrator-1']);
    for (const name of [
      'concentrator-7.proxy.example.org',
      'proxy.example.org',
      'concentrator-0x.example.org',
      'secrets.default.svc.cluster.local',
      undefined,
    ]) {
      const begun = performance.now();
      expect(ADDRESSES).toContain(await to(name));
      expect(performance.now() - begun).toBeLessThan(ANSWER_MS);
    }
    // Nobody looks around in the cluster by it.
    const asked = new Set(queries.map((query) => query.split(' ')[1]!));
    for (const name of asked) expect(name).toMatch(/^concentrator-\d\.concentrator-pods\.tributary\.svc\./);
  });

  it('gives a pod that ends no new session, and leads its own subflows there', async () => {
    const { to, pods } = await startBalancer();
    const [first, ...others] = ADDRESSES;
    pods.get(first!)!.isEnding = true;
    await until(async () => {
      const came = [await to(undefined), await to(undefined), await to(undefined), await to(undefined)];
      return came.every((address) => others.includes(address));
    });
    expect(await to('concentrator-0.proxy.example.org')).toBe(first);
  });

  it('leads subflows of a pod that is lost to another, which can tell their clients', async () => {
    const { to, pods } = await startBalancer();
    const own = 'concentrator-0.proxy.example.org';
    expect(await to(own)).toBe(PODS['concentrator-0']);
    pods.get(PODS['concentrator-0'])!.isLost = true;
    const begun = performance.now();
    await until(async () => (await to(own)) !== PODS['concentrator-0']);
    process.stdout.write(`a lost pod is passed by after ${Math.round(performance.now() - begun)} ms\n`);
  });

  it('turns away what is no TLS', async () => {
    const { port } = await startBalancer();
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write('GET / HTTP/1.1\r\nHost: proxy.example.org\r\n\r\n');
    await once(socket, 'close');
    expect(socket.bytesRead).toBe(0);
  });
});

interface Pod {
  /** As a concentrator after SIGTERM. */
  isEnding: boolean;
  /** It says nothing to checks. */
  isLost: boolean;
}

/** HAProxy with the manifests' configuration, whose pods and name server are on loopback. */
async function startBalancer() {
  const [port, podPort, healthPort, ownHealthPort] = await Promise.all([
    ...[freePort(), freePort(), freePort(), freePort()],
  ] as const);
  const nameServer = await startNameServer((type, name) => {
    const address = NAMES[name];
    if (address === undefined) return 'nxdomain';
    return { addresses: type === 'A' ? [address] : [], ttlSeconds: 1 };
  });
  onTestFinished(() => nameServer.close());
  let waiting: ((address: string) => void) | undefined;
  const pods = new Map<string, Pod>();
  for (const address of ADDRESSES) {
    pods.set(address, await startPod(address, podPort, healthPort, () => waiting?.(address)));
  }

  const text = readFileSync(CONFIGURATION, 'utf8')
    .replace('parse-resolv-conf', `nameserver cluster ${nameServer.address}`)
    .replace('bind [::]:8404 v4v6', `bind 127.0.0.1:${ownHealthPort}`)
    .replace('bind [::]:8443 v4v6', `bind 127.0.0.1:${port}`)
    .replaceAll(/:8443$/gm, `:${podPort}`)
    .replaceAll('9102', String(healthPort));
  const folder = mkdtempSync(join(tmpdir(), 'tributary-balancer-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'haproxy.cfg');
  writeFileSync(file, text);
  const program = new Program('/usr/sbin/haproxy', ['-db', '-f', file]);
  onTestFinished(() => program.kill());
  await until(async () => (await fetch(`http://127.0.0.1:${ownHealthPort}/healthz`).catch(() => null))?.ok);

  const to = (serverName: string | undefined) =>
    new Promise<string>((resolvePod, reject) => {
      waiting = resolvePod;
      const named = serverName === undefined ? {} : { servername: serverName };
      const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false, ...named });
      socket.on('error', () => {});
      socket.on('close', () => reject(new Error(`${serverName} came to no pod: ${program.output}`)));
    });
  // It has learned where any pod is.
  await until(() => to(undefined).then(Boolean, () => false));
  return { to, port, pods, queries: nameServer.queries };
}

/** Hangs up on whoever comes with a PROXY header, and says so; tells whether it can serve. */
async function startPod(
  address: string,
  port: number,
  healthPort: number,
  onArrival: () => void,
): Promise<Pod> {
  const pod = { isEnding: false, isLost: false };
  const subflows = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (bytes: Buffer) => {
      if (bytes.subarray(0, PROXY_V2.length).equals(PROXY_V2)) onArrival();
      socket.destroy();
    });
  });
  const health = createHttpServer(({ url }, response) => {
    if (!pod.isLost) response.writeHead(url === '/readyz-or-404' && !pod.isEnding ? 200 : 404).end();
  });
  for (const [server, at] of [
    [subflows, port],
    [health, healthPort],
  ] as const) {
    server.listen(at, address);
    onTestFinished(() => void server.close());
    await once(server, 'listening');
  }
  return pod;
}

async function until(isSo: () => Promise<boolean | undefined>): Promise<void> {
  const limit = Date.now() + READY_MS;
  while (!(await isSo())) {
    if (Date.now() > limit) throw new Error('not within the time for it');
    await new Promise((resolveLater) => setTimeout(resolveLater, 50));
  }
}
