import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { parseDocument } from 'yaml';
import { needs } from '../support/needs.ts';
import { Network } from '../system/support/namespaces.ts';
import { Origin } from '../system/support/origin.ts';
import { ContainerEngine, composeFile } from './support/container-engine.ts';
import { makeDebianBases } from './support/debian-base.ts';
import { EPOCH_SECONDS } from './support/make.ts';

/** A fresh Debian, the dependencies and both programs. */
const MAKE_TIMEOUT_MS = 600_000;
const RUN_TIMEOUT_MS = 120_000;
const READY_MS = 60_000;
const DOWNLOAD_BYTES = 6_000_000;
/** Of each of two equal uplinks. */
const LEAST_SHARE = 0.25;
/** Of programs that only building needs. */
const TOOLS =
  /\/(npm|npx|gcc|tsc|git|python3?|curl|wget)$|\/node_modules\/(esbuild|typescript|vitest|@biomejs)\//;

const { concentrator } = composeFile('vps.yaml').services;
const { client } = composeFile('home.yaml').services;
const services = { concentrator: concentrator!, client: client! };

describe('container images', needs('containers', 'network'), () => {
  let engine: ContainerEngine;

  beforeAll(async () => {
    await makeDebianBases([12]);
    engine = new ContainerEngine();
    for (const service of Object.values(services)) engine.build(service, EPOCH_SECONDS);
  }, MAKE_TIMEOUT_MS);
  afterAll(() => engine?.remove(), RUN_TIMEOUT_MS);

  it.each(['concentrator', 'client'] as const)(
    'have of the %s what runs, and no more, for a user without rights',
    { timeout: RUN_TIMEOUT_MS },
    (name) => {
      const { image } = services[name];
      const { User, Entrypoint, Healthcheck, Labels, Volumes, bytes } = engine.configuration(image);
      expect({
        User,
        Entrypoint,
        Healthcheck: Healthcheck.Test,
        Volumes: Object.keys(Volumes).sort(),
      }).toEqual({
        User: '10001:10001',
        Entrypoint: [`tributary-${name}`],
        Healthcheck: ['CMD', `tributary-${name}`, 'status', '--ready'],
        Volumes: ['/etc/tributary', '/var/lib/tributary'],
      });
      expect(Labels['org.opencontainers.image.title']).toBe(`tributary-${name}`);
      const files = engine.files(image);
      process.stdout.write(`${image}: ${(bytes / 1e6).toFixed(0)} MB, ${files.length} files\n`);
      expect(files).toContain('/opt/tributary/lib/node');
      expect(files.filter((file) => TOOLS.test(file))).toEqual([]);
      // Keys belong to volumes, never to an image.
      expect(files.filter((file) => /^\/(etc|var\/lib)\/tributary\//.test(file))).toEqual([]);
    },
  );

  it('carry a download over two uplinks, set up by one command at each end', {
    timeout: RUN_TIMEOUT_MS,
  }, async () => {
    const paths = ['wan0', 'wan1'].map((name) => ({ name, downMbps: 20, upMbps: 20 }));
    const network = await Network.create({ paths, congestionControl: 'cubic' });
    onTestFinished(() => network.close());
    const origin = await Origin.start(network, 8080);
    const vps = network.concentrator.name;
    const home = network.client.name;

    const begun = performance.now();
    const link = engine.run(services.concentrator, ['init', '--public', network.concentrator.address.v4], {
      namespace: vps,
    });
    expect(link).toMatch(/^tributary:\/\/client1:/);
    allowOrigin(engine, network.origin.address.v4);
    // The volumes of the two machines have the same names.
    engine.run(services.concentrator, [], { namespace: vps, name: 'concentrator' });
    const atHome = { ...services.client, volumes: services.client.volumes.map((volume) => `home-${volume}`) };
    engine.run(atHome, ['join', '-'], { namespace: home, input: `${link}\n` });
    engine.run(atHome, [], { namespace: home, name: 'client' });
    for (const name of ['concentrator', 'client']) await untilHealthy(engine, name);

    const before = await Promise.all(network.paths.map((path) => path.counters()));
    const curl = ['--silent', '--show-error', '--output', '/dev/null', '--write-out', '%{size_download}'];
    const proxy = ['--proxy', 'socks5h://127.0.0.1:1080'];
    const got = await network.client.exec('curl', [
      ...curl,
      ...proxy,
      `${origin.url}/bytes/${DOWNLOAD_BYTES}`,
    ]);
    expect(Number(got)).toBe(DOWNLOAD_BYTES);
    const seconds = (performance.now() - begun) / 1000;
    process.stdout.write(`${seconds.toFixed(1)} s from the first command to the end of a download\n`);
    const after = await Promise.all(network.paths.map((path) => path.counters()));
    const shares = after.map(
      ({ receivedIpBytes }, i) => (receivedIpBytes - before[i]!.receivedIpBytes) / DOWNLOAD_BYTES,
    );
    process.stdout.write(`shares of the uplinks: ${shares.map((share) => share.toFixed(2)).join(', ')}\n`);
    for (const share of shares) expect(share).toBeGreaterThan(LEAST_SHARE);

    for (const name of ['concentrator', 'client']) {
      const inside = (...command: string[]) => engine.podman('exec', name, ...command);
      expect(inside('id', '-u')).toBe('10001');
      expect(inside('cat', '/proc/1/status')).toMatch(/^CapEff:\s+0{16}$/m);
      expect(inside('cat', '/proc/1/status')).toMatch(/^NoNewPrivs:\s+1$/m);
      for (const place of ['/', '/tmp', '/opt/tributary', '/etc'])
        expect(engine.succeeds('exec', name, 'touch', join(place, 'file'))).toBe(false);
      engine.podman('stop', name);
      expect(engine.podman('inspect', '--format', '{{.State.ExitCode}}', name)).toBe('0');
    }
  });
});

/** The origin of the test has a private address, which the concentrator refuses until it is told. */
function allowOrigin(engine: ContainerEngine, address: string): void {
  const place = engine.podman('volume', 'inspect', '--format', '{{.Mountpoint}}', 'configuration');
  const file = join(place, 'tributary-concentrator.yaml');
  const document = parseDocument(readFileSync(file, 'utf8'));
  document.setIn(['egress', 'allow'], [`${address}/32`]);
  writeFileSync(file, String(document));
}

/** By the check of the image. */
async function untilHealthy(engine: ContainerEngine, name: string): Promise<void> {
  const limit = Date.now() + READY_MS;
  while (!engine.succeeds('healthcheck', 'run', name)) {
    if (Date.now() > limit) throw new Error(`${name} is not healthy: ${engine.podman('logs', name)}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
