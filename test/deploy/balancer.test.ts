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

const DEPLOY = resolve(import.meta.dirname, '../../deploy');
const CLUSTER = 'tributary.svc.cluster.local';
const ADDRESSES = ['127.78.0.10', '127.78.0.11', '127.78.0.19'] as const;
const [FIRST, SECOND, THIRD] = ADDRESSES;

interface Fleet {
  readonly title: string;
  readonly file: string;
  /** Names of the machines at these addresses; the end of joinName. */
  readonly machines: readonly [string, string, string];
  readonly domain: string;
  /** The configuration looks for machines by names of the cluster, and tells Kubernetes that it is well. */
  readonly isInCluster?: boolean;
}

const KUBERNETES: Fleet = {
  title: 'in Kubernetes',
  file: 'kubernetes/files/haproxy.cfg',
  machines: ['concentrator-0', 'concentrator-1', 'concentrator-9'],
  domain: 'proxy.example.org',
  isInCluster: true,
};
const FLEETS: readonly Fleet[] = [
  KUBERNETES,
  {
    title: 'in front of three machines',
    file: 'haproxy/haproxy.cfg',
    machines: ['c1', 'c2', 'c3'],
    domain: 'fleet.example.org',
  },
];
const PROXY_V2 = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const READY_MS = 20_000;
/** So many checks that fail make a machine count as lost. */
const FALL = 2;
/** Well below what clients wait for a connection. */
const ANSWER_MS = 2_000;

describe.each(FLEETS)('HAProxy $title', needs('haproxy'), (fleet) => {
  const { machines, domain } = fleet;
  const own = `${machines[0]}.${domain}`;

  it('leads connections to the machine that the TLS server name names, and all others to any', async () => {
    const { to } = await startBalancer(fleet);
    expect(await to(own)).toBe(FIRST);
    expect(await to(`${machines[2]}.${domain}`)).toBe(THIRD);
    expect(await to(`w3.${machines[1]}.${domain}`)).toBe(SECOND);
    for (const name of [`x7.${domain}`, domain, `${machines[0]}x.example.org`, undefined]) {
      const begun = performance.now();
      expect(ADDRESSES).toContain(await to(name));
      expect(performance.now() - begun).toBeLessThan(ANSWER_MS);
    }
  });

  it('gives a machine that ends no new session, and leads its own subflows there', async () => {
    const { to, stand } = await startBalancer(fleet);
    const others: readonly string[] = [SECOND, THIRD];
    stand.get(FIRST)!.isEnding = true;
    await until(async () => {
      const came = [await to(undefined), await to(undefined), await to(undefined), await to(undefined)];
      return came.every((address) => others.includes(address));
    });
    expect(await to(own)).toBe(FIRST);
    expect(await to(`w2.${own}`)).toBe(FIRST);
    // Names that only end or begin like one of a machine.
    for (const name of [`d${own}`, `d.${own}`, `${machines[0]}0.${domain}`])
      expect([name, others.includes(await to(name))]).toEqual([name, true]);
  });

  it('keeps to a machine that is busy and answers checks late', async () => {
    const { to, stand } = await startBalancer(fleet);
    const busy = stand.get(FIRST)!;
    busy.answersAfterMs = 1_000;
    await until(async () => busy.lateAnswers > FALL);
    expect(await to(own)).toBe(FIRST);
  });

  it('leads subflows of a machine that takes checks and says nothing to another, which can tell their clients', async () => {
    const { to, stand } = await startBalancer(fleet);
    expect(await to(own)).toBe(FIRST);
    stand.get(FIRST)!.isLost = true;
    const begun = performance.now();
    await until(async () => (await to(own)) !== FIRST);
    const tookMs = Math.round(performance.now() - begun);
    process.stdout.write(`a machine that hangs is passed by after ${tookMs} ms\n`);
  });

  it('turns away what is no TLS', async () => {
    const { port } = await startBalancer(fleet);
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write('GET / HTTP/1.1\r\nHost: proxy.example.org\r\n\r\n');
    await once(socket, 'close');
    expect(socket.bytesRead).toBe(0);
  });
});

describe('HAProxy in Kubernetes', needs('haproxy'), () => {
  it('lets nobody look around in the cluster by it', async () => {
    const { to, queries } = await startBalancer(KUBERNETES);
    for (const name of ['secrets.default.svc.cluster.local', 'concentrator-0x.example.org', undefined])
      expect(ADDRESSES).toContain(await to(name));
    const asked = new Set(queries.map((query) => query.split(' ')[1]!));
    for (const name of asked) expect(name).toMatch(/^concentrator-\d\.concentrator-pods\.tributary\.svc\./);
  });
});

interface Stand {
  /** As a concentrator after SIGTERM. */
  isEnding: boolean;
  /** It says nothing to checks. */
  isLost: boolean;
  /** To checks; and how many it has answered so late. */
  answersAfterMs: number;
  lateAnswers: number;
}

/** HAProxy with a configuration that we hand out, whose machines and name server are on loopback. */
async function startBalancer({ file: configuration, machines, isInCluster = false }: Fleet) {
  const [port, machinePort, healthPort, ownHealthPort] = await Promise.all([
    ...[freePort(), freePort(), freePort(), freePort()],
  ] as const);
  const names = machines.map((name) => `${name}.concentrator-pods.${CLUSTER}`);
  const nameServer = await startNameServer((type, name) => {
    const address = ADDRESSES[names.indexOf(name)];
    if (address === undefined) return 'nxdomain';
    return { addresses: type === 'A' ? [address] : [], ttlSeconds: 1 };
  });
  onTestFinished(() => nameServer.close());
  let waiting: ((address: string) => void) | undefined;
  const stand = new Map<string, Stand>();
  for (const address of ADDRESSES)
    stand.set(address, await startMachine(address, machinePort, healthPort, () => waiting?.(address)));

  const text = readFileSync(join(DEPLOY, configuration), 'utf8')
    .replace('parse-resolv-conf', `nameserver cluster ${nameServer.address}`)
    .replace('bind [::]:8404 v4v6', `bind 127.0.0.1:${ownHealthPort}`)
    .replace(/bind (\[::\]|::):8443 v4v6/, `bind 127.0.0.1:${port}`)
    .replaceAll(/10\.0\.0\.1(\d):/g, (_, number) => `${ADDRESSES[Number(number) - 1]}:`)
    .replaceAll(/:8443$/gm, `:${machinePort}`)
    .replaceAll('9102', String(healthPort))
    // Only root may become another user.
    .replaceAll(process.getuid?.() === 0 ? /(?!)/g : /^ {2}(user|group|chroot) .*\n/gm, '');
  const folder = mkdtempSync(join(tmpdir(), 'tributary-balancer-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'haproxy.cfg');
  writeFileSync(file, text);
  const program = new Program('/usr/sbin/haproxy', ['-db', '-f', file]);
  onTestFinished(() => program.kill());
  if (isInCluster)
    await until(async () => (await fetch(`http://127.0.0.1:${ownHealthPort}/healthz`).catch(() => null))?.ok);

  const to = (serverName: string | undefined) =>
    new Promise<string>((resolveMachine, reject) => {
      waiting = resolveMachine;
      const named = serverName === undefined ? {} : { servername: serverName };
      const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false, ...named });
      socket.on('error', () => {});
      socket.on('close', () => reject(new Error(`${serverName} came to no machine: ${program.output}`)));
    });
  // It listens, and has learned where any machine is.
  await until(() => to(undefined).then(Boolean, () => false));
  return { to, port, stand, queries: nameServer.queries };
}

/** Hangs up on whoever comes with a PROXY header, and says so; tells whether it can serve. */
async function startMachine(
  address: string,
  port: number,
  healthPort: number,
  onArrival: () => void,
): Promise<Stand> {
  const stand: Stand = { isEnding: false, isLost: false, answersAfterMs: 0, lateAnswers: 0 };
  const subflows = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (bytes: Buffer) => {
      if (bytes.subarray(0, PROXY_V2.length).equals(PROXY_V2)) onArrival();
      socket.destroy();
    });
  });
  const health = createHttpServer(({ url }, response) => {
    const { isLost, answersAfterMs } = stand;
    if (isLost) return;
    setTimeout(() => {
      if (answersAfterMs > 0) stand.lateAnswers++;
      response.writeHead(url === '/readyz-or-404' && !stand.isEnding ? 200 : 404).end();
    }, answersAfterMs);
  });
  for (const [server, at] of [
    [subflows, port],
    [health, healthPort],
  ] as const) {
    server.listen(at, address);
    onTestFinished(() => void server.close());
    await once(server, 'listening');
  }
  return stand;
}

async function until(isSo: () => Promise<boolean | undefined>): Promise<void> {
  const limit = Date.now() + READY_MS;
  while (!(await isSo())) {
    if (Date.now() > limit) throw new Error('not within the time for it');
    await new Promise((resolveLater) => setTimeout(resolveLater, 50));
  }
}
