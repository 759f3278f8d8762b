/*
 * The recipe of docs/whole-network.md for a whole machine by a virtual interface: its configuration and commands are taken from the page.
 */
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eachWholeLine } from '../../bed/whole-lines.ts';
import { projectFile, sectionLines } from '../../documents/markdown.ts';
import { eventually } from '../../support/eventually.ts';
import { needs } from '../../support/needs.ts';
import { NameServer } from '../support/name-server.ts';
import { Origin } from '../support/origin.ts';
import { ROOT } from '../support/program.ts';
import { AS_NOBODY } from '../support/redirection.ts';
import { resetNameServers, setNameServers } from '../support/resolv-conf.ts';
import { describeSystem, expectWhole } from '../support/system.ts';
import { download } from '../support/transfer.ts';

const NAME = 'origin.test';
const BODY_BYTES = 3_000_000;
const UDP_PORT = '5300';
const INTERFACE = 'tributary0';
/** The client runs as root here. */
const CLIENT_USER = 0;

const page = sectionLines(
  await projectFile('docs/whole-network.md'),
  '## A whole machine by a virtual interface',
);
const [configuration = '', commands = ''] = [...page.join('\n').matchAll(/^```text\n(.*?)^```$/gms)].map(
  ([, block = '']) => block,
);
const nameServer = /^ {2}address: (198\.\S+)$/m.exec(configuration)?.[1] ?? '';

const paths = [
  { name: 'wan0', downMbps: 40, upMbps: 40 },
  { name: 'wan1', downMbps: 40, upMbps: 40 },
];

describe('a whole machine by a virtual interface', needs('hevSocks5Tunnel'), () => {
  describeSystem('hev-socks5-tunnel', { paths, congestionControl: 'cubic' }, (system) => {
    let folder: string;
    let names: NameServer;
    let origin6: Origin;
    let echo: ChildProcess;
    beforeAll(async () => {
      const { network, pair } = system();
      const { client, concentrator, origin } = network;
      const { v4, v6 } = origin.address;
      folder = await mkdtemp(join(tmpdir(), 'tributary-tunnel-'));
      names = await NameServer.start(concentrator, [`${NAME}=${v4}`], '127.0.0.1');
      origin6 = await Origin.start(network, 8081, v6);
      const program = join(ROOT, 'test', 'system', 'support', 'udp-echo.mjs');
      echo = origin.spawn(process.execPath, [program, v4, UDP_PORT, v6, UDP_PORT], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await new Promise<void>((resolve) => eachWholeLine(echo.stdout!, () => resolve()));
      await setNameServers(concentrator, ['127.0.0.1']);
      await setNameServers(client, [nameServer]);
      await pair.amend(pair.concentratorFile, {
        egress: { allow: [`${v4}/32`, `${v6}/128`] },
        congestionControl: 'cubic',
        metrics: { listen: '127.0.0.1:9102' },
      });
      await pair.start();
      await writeFile(join(folder, 'tunnel.yml'), configuration);
      client.spawn('hev-socks5-tunnel', [join(folder, 'tunnel.yml')], { stdio: 'inherit' });
      await eventually(() => client.exec('ip', ['link', 'show', 'dev', INTERFACE, 'up']));
      const lines = commands.trim().replaceAll('997', String(CLIENT_USER)).split('\n');
      for (const family of [4, 6] as const) {
        await client.ip(
          family,
          lines.map((line) => line.replace(/^ip /, '')),
        );
      }
    });
    afterAll(async () => {
      names?.stop();
      origin6?.stop();
      echo?.kill();
      const { concentrator, client } = system().network;
      for (const one of [concentrator, client]) await resetNameServers(one);
      await rm(folder, { recursive: true, force: true });
    });

    const program = () => ({ place: system().network.client, runner: AS_NOBODY });

    test('programs that know of no proxy use both uplinks, by IPv4 and IPv6', async () => {
      const { pair, network } = system();
      for (const origin of [pair.origin, origin6]) {
        const before = await Promise.all(network.paths.map((path) => path.counters()));
        await expectWhole(download(pair, BODY_BYTES, { without: program(), origin }), BODY_BYTES);
        const after = await Promise.all(network.paths.map((path) => path.counters()));
        for (const [i, counters] of after.entries()) {
          expect(counters.receivedBytes - before[i]!.receivedBytes).toBeGreaterThan(BODY_BYTES / 5);
        }
      }
    });

    test.each(['v4', 'v6'] as const)('UDP goes through the concentrator, by %s', async (family) => {
      const { client, origin } = system().network;
      const host = origin.address[family];
      const asking = join(ROOT, 'test', 'system', 'support', 'udp-ask.mjs');
      const [command, ...args] = [...AS_NOBODY, process.execPath, asking, '10', host, UDP_PORT];
      const answer = JSON.parse(await client.exec(command, args)) as { from: string; text: string };
      expect(answer.from).toBe(`${host} ${UDP_PORT}`);
      expect(answer.text.split(' ')[0]).toBe(host.replace(/[^.:]+$/, '1'));
    });

    test('names reach the concentrator, and rules for them hold', async () => {
      const { pair, network } = system();
      const peer = () => {
        const [command, ...args] = [
          ...AS_NOBODY,
          'curl',
          '-sS',
          '--max-time',
          '15',
          `http://${NAME}:8080/peer`,
        ];
        return network.client.exec(command, args);
      };
      expect(await peer()).toBe('10.78.254.1');
      await pair.reload('client', { steering: { rules: [{ host: NAME, block: true }] } });
      await expect(peer()).rejects.toThrow('curl');
    });
  });
});
