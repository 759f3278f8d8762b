import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
/** As the cluster's name server knows them. */
const PODS: Readonly<Record<string, string>> = {
  [`concentrator-0.concentrator-pods.${CLUSTER}`]: '127.78.0.10',
  [`concentrator-12.concentrator-pods.${CLUSTER}`]: '127.78.0.22',
  [`concentrator.${CLUSTER}`]: '127.78.0.99',
  // In the cluster, and none of a client's business.
  'secrets.default.svc.cluster.local': '127.78.0.66',
};
const PROXY_V2 = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const READY_MS = 20_000;
/** Well below what clients wait for a connection. */
const ANSWER_MS = 2_000;

describe('HAProxy in Kubernetes', needs('haproxy'), () => {
  it('leads connections to the pod that the TLS server name begins with, and all others to any', async () => {
    const { to, queries } = await startBalancer();
    expect(await to('concentrator-0.proxy.example.org')).toBe('127.78.0.10');
    expect(await to('concentrator-12.proxy.example.org')).toBe('127.78.0.22');
    for (const name of [
      'concentrator-7.proxy.example.org',
      'proxy.example.org',
      'concentrator-0x.example.org',
      'secrets.default.svc.cluster.local',
      undefined,
    ]) {
      const begun = performance.now();
      expect([name, await to(name)]).toEqual([name, '127.78.0.99']);
      expect(performance.now() - begun).toBeLessThan(ANSWER_MS);
    }
    // Nobody looks around in the cluster by it.
    const asked = new Set(queries.map((query) => query.split(' ')[1]!));
    for (const name of asked)
      expect(name).toMatch(/^concentrator(-\d+\.concentrator-pods)?\.tributary\.svc\./);
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

/** HAProxy with the manifests' configuration, whose pods and name server are on loopback. */
async function startBalancer() {
  const [port, podPort, healthPort] = await Promise.all([freePort(), freePort(), freePort()]);
  const nameServer = await startNameServer((type, name) => {
    const address = PODS[name];
    if (address === undefined) return 'nxdomain';
    return { addresses: type === 'A' ? [address] : [], ttlSeconds: 1 };
  });
  onTestFinished(() => nameServer.close());
  const arrived: (address: string) => void = (address) => waiting?.(address);
  let waiting: ((address: string) => void) | undefined;
  for (const address of Object.values(PODS)) await startPod(address, podPort, arrived);

  const text = readFileSync(CONFIGURATION, 'utf8')
    .replace('parse-resolv-conf', `nameserver cluster ${nameServer.address}`)
    .replace('bind [::]:8404 v4v6', `bind 127.0.0.1:${healthPort}`)
    .replace('bind [::]:8443 v4v6', `bind 127.0.0.1:${port}`)
    .replaceAll(/:8443 send/g, `:${podPort} send`);
  const folder = mkdtempSync(join(tmpdir(), 'tributary-balancer-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'haproxy.cfg');
  writeFileSync(file, text);
  const program = new Program('/usr/sbin/haproxy', ['-db', '-f', file]);
  onTestFinished(() => program.kill());
  await untilHealthy(healthPort, program);

  const to = (serverName: string | undefined) =>
    new Promise<string>((resolvePod, reject) => {
      waiting = resolvePod;
      const named = serverName === undefined ? {} : { servername: serverName };
      const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false, ...named });
      socket.on('error', () => {});
      socket.on('close', () => reject(new Error(`${serverName} came to no pod: ${program.output}`)));
    });
  // Until it has learned where any pod is.
  const limit = Date.now() + READY_MS;
  while ((await to(undefined).catch(() => undefined)) === undefined) {
    if (Date.now() > limit) throw new Error(`HAProxy finds no pod: ${program.output}`);
  }
  return { to, port, queries: nameServer.queries };
}

/** Hangs up on whoever comes with a PROXY header, and says so. */
async function startPod(address: string, port: number, arrived: (address: string) => void): Promise<void> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (bytes: Buffer) => {
      if (bytes.subarray(0, PROXY_V2.length).equals(PROXY_V2)) arrived(address);
      socket.destroy();
    });
  }).listen(port, address);
  onTestFinished(() => void server.close());
  await once(server, 'listening');
}

async function untilHealthy(port: number, program: Program): Promise<void> {
  const limit = Date.now() + READY_MS;
  while (!(await fetch(`http://127.0.0.1:${port}/healthz`).catch(() => undefined))?.ok) {
    if (Date.now() > limit) throw new Error(`HAProxy does not start: ${program.output}`);
    await new Promise((resolveLater) => setTimeout(resolveLater, 50));
  }
}
