import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseDocument } from 'yaml';
import { needs } from '../support/needs.ts';
import { HomeServers, HTTP_PORT, SSH_PORT } from './support/home-servers.ts';
import { CLIENT_ID } from './support/pair.ts';
import { describeSystem, report, type System } from './support/system.ts';

/** At the concentrator. */
const [WEB, SHELL] = [443, 22];
const VISITORS = 200;
const FILE_BYTES = 60_000;
const LONG_BYTES = 12_000_000;

const paths = [
  { name: 'wan0', downMbps: 40, upMbps: 40 },
  { name: 'wan1', downMbps: 20, upMbps: 20 },
];
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
/** The bytes of a file that say which it is. */
const contentOf = (number: number, length: number) =>
  Buffer.alloc(length, `file ${number} of the server at home\n`);

/*
 * Visitors are programs in the origin's namespace: they see the concentrator, and nothing of the client. nginx and sshd run in the
 * client's namespace, on its loopback device.
 */
describe('published', needs('nginx', 'ssh'), () => {
  describeSystem('servers at home', { paths, congestionControl: 'bbr' }, (system) => {
    let servers: HomeServers;
    let folder: string;

    beforeAll(async () => {
      const { network } = system();
      folder = await mkdtemp(join(tmpdir(), 'tributary-visitors-'));
      const names = Array.from(
        { length: VISITORS },
        (_, i) => [`file${i}`, contentOf(i, FILE_BYTES)] as const,
      );
      const files = Object.fromEntries([...names, ['long', contentOf(VISITORS, LONG_BYTES)]]);
      servers = await HomeServers.start(network.client, files);
      await publish(system());
    });

    afterAll(async () => {
      await servers?.close();
      await rm(folder, { recursive: true, force: true });
    });

    test('nginx sees its visitor, and is seen', async () => {
      const { network } = system();
      const seen = await network.origin.exec('curl', [
        '-sS',
        '--max-time',
        '20',
        `${site(system())}/visitor`,
      ]);
      expect(seen).toBe(`${network.origin.address.v4}\n`);
    });

    test('two hundred visitors at once get each byte, while an uplink goes and comes back', async () => {
      const { network } = system();
      const output = join(folder, 'file#1');
      const startMs = performance.now();
      const curl = network.origin.exec(
        'curl',
        [
          ...['-sS', '--fail', '--max-time', '40', '--parallel', '--parallel-immediate'],
          ...['--parallel-max', String(VISITORS), '-o', output, `${site(system())}/file[0-${VISITORS - 1}]`],
        ],
        { timeoutMs: 45_000 },
      );
      await sleep(600);
      await network.path('wan0').linkDown();
      await sleep(1_000);
      await network.path('wan0').linkUp();
      await curl;
      report(`${VISITORS} visitors, ${FILE_BYTES} bytes each: ${Math.round(performance.now() - startMs)} ms`);
      const got = (await readdir(folder)).filter((name) => name.startsWith('file'));
      expect(got).toHaveLength(VISITORS);
      for (const name of got) {
        const number = Number(name.slice('file'.length));
        expect(sha256(await readFile(join(folder, name))), name).toBe(sha256(contentOf(number, FILE_BYTES)));
      }
    });

    test.for(['wan0', 'wan1'])('a long copy over ssh goes on when %s becomes a black hole', async (name) => {
      const { network, pair } = system();
      await pair.untilUp(network.paths.map((path) => path.name));
      const ssh = servers.sshTo(concentratorOf(system()), SHELL);
      const copy = network.origin.exec('ssh', [...ssh, `cat ${servers.www}/long`], { timeoutMs: 45_000 });
      await sleep(1_000);
      await network.path(name).blackHole();
      const bytes = await copy;
      await network.path(name).restore();
      expect(sha256(Buffer.from(bytes))).toBe(sha256(contentOf(VISITORS, LONG_BYTES)));
    });

    test('visitors who come while the client is started again wait for it', async () => {
      const { network, pair } = system();
      await pair.stopClient();
      const waiting = network.origin.exec('curl', ['-sS', '--max-time', '25', `${site(system())}/visitor`]);
      await sleep(500);
      await pair.startClient();
      expect(await waiting).toBe(`${network.origin.address.v4}\n`);
    });
  });
});

/** The concentrator lets the client have both ports, and both programs run. */
async function publish({ pair }: System): Promise<void> {
  const clients = parseDocument(await pair.readClientsFile());
  clients.setIn([0, 'publish'], [WEB, SHELL]);
  expect(clients.getIn([0, 'id'])).toBe(CLIENT_ID);
  await pair.writeClientsFile(String(clients));
  await pair.amend(pair.clientFile, {
    publish: [
      { listen: WEB, to: `127.0.0.1:${HTTP_PORT}`, proxyProtocol: 'v2' },
      { listen: SHELL, to: `127.0.0.1:${SSH_PORT}` },
    ],
  });
  await pair.start();
  await pair.client.untilLog(
    ({ msg, listen }) => msg === 'published at the concentrator' && listen === `*:${WEB}`,
  );
}

/** Where visitors reach the concentrator: it is the first host of their network. */
function concentratorOf({ network }: System): string {
  return network.origin.address.v4.replace(/\d+$/, '1');
}

function site(system: System): string {
  return `http://${concentratorOf(system)}:${WEB}`;
}
