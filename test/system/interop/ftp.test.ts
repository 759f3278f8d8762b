/*
 * FTP over SOCKS5 with programs that are not ours: lftp, which dante's library puts behind the proxy (`socksify`), and the server of
 * pyftpdlib, which accepts a data connection only from where the control connection comes from. Active mode needs BIND.
 */
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { needs } from '../../support/needs.ts';
import { SOCKS } from '../support/pair.ts';
import { describeSystem } from '../support/system.ts';
import { untilListening } from '../support/until-listening.ts';

const FTP_PORT = 2121;
const FILE_BYTES = 3_000_000;
const BIND_PORTS = { from: 50_000, to: 50_009 };
const COMMAND_LIMIT_S = 30;

const paths = [
  { name: 'wan0', downMbps: 40, upMbps: 40 },
  { name: 'wan1', downMbps: 40, upMbps: 40 },
];
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('FTP', needs('ftp'), () => {
  describeSystem('by lftp and socksify', { paths, congestionControl: 'cubic' }, (system) => {
    let folder: string;
    let content: Buffer;
    beforeAll(async () => {
      const { network, pair } = system();
      folder = await mkdtemp(join(tmpdir(), 'tributary-ftp-'));
      content = Buffer.from(Array.from({ length: FILE_BYTES }, (_, i) => (i * i) >> 7));
      await writeFile(join(folder, 'file'), content);
      const { v4 } = network.origin.address;
      const login = ['--username', 'alice', '--password', 'secret', '--write'];
      network.origin.spawn(
        '/usr/bin/python3',
        ['-m', 'pyftpdlib', '-i', v4, '-p', String(FTP_PORT), '-d', folder, ...login],
        { stdio: 'ignore' },
      );
      await untilListening(network.origin, FTP_PORT);
      await pair.amend(pair.concentratorFile, {
        egress: { allow: [`${v4}/32`] },
        visitors: { bindPorts: `${BIND_PORTS.from}-${BIND_PORTS.to}` },
        metrics: { listen: '127.0.0.1:9102' },
      });
      await pair.start();
    });
    afterAll(() => rm(folder, { recursive: true, force: true }));

    test.each([
      ['passive', 0],
      ['active', 3],
    ] as const)('%s: a listing, a download and an upload', async (mode, binds) => {
      const before = await visits();
      const listing = await lftp(mode, 'cls -1', `get file -o ${folder}/got`, `put ${folder}/got -o put`);
      expect(listing.split('\n')).toContain('file');
      for (const name of ['got', 'put'])
        expect(sha256(await readFile(join(folder, name)))).toBe(sha256(content));
      expect((await visits()) - before).toBe(binds);
    });

    test('active: several at once', async () => {
      const names = Array.from({ length: 4 }, (_, i) => `got${i}`);
      const gets = names.map((name) => `get file -o ${folder}/${name} &`);
      await lftp('active', ...gets, 'wait all');
      for (const name of names) expect(sha256(await readFile(join(folder, name)))).toBe(sha256(content));
    });

    const visits = () => system().pair.concentrator.metric('tributary_visits_total', { result: 'accepted' });

    /** What lftp prints for these commands. */
    async function lftp(mode: 'active' | 'passive', ...commands: readonly string[]): Promise<string> {
      const { network } = system();
      const conf = join(folder, 'dante.conf');
      const [proxy, port] = SOCKS.split(':');
      const route = [
        `from: 0.0.0.0/0 to: 0.0.0.0/0 via: ${proxy} port = ${port}`,
        'proxyprotocol: socks_v5',
        'command: bind connect',
        'method: none',
      ];
      await writeFile(conf, `route {\n${route.join('\n')}\n}\n`);
      const settings = [
        'net:max-retries 1',
        `net:timeout ${COMMAND_LIMIT_S / 2}`,
        `ftp:passive-mode ${mode === 'passive'}`,
        'ftp:ssl-allow false',
        'cmd:fail-exit true',
        'xfer:clobber true',
      ];
      const script = [
        ...settings.map((setting) => `set ${setting}`),
        `open -u alice,secret ftp://${network.origin.address.v4}:${FTP_PORT}`,
        ...commands,
      ].join('\n');
      const environment = [`SOCKS_CONF=${conf}`, 'HOME=/nonexistent', 'PATH=/usr/bin:/bin:/usr/sbin'];
      await writeFile(join(folder, 'script'), `${script}\n`);
      const args = ['-i', ...environment, 'socksify', 'lftp', '-f', join(folder, 'script')];
      return network.client.exec('env', args, { timeoutMs: COMMAND_LIMIT_S * 1_000 });
    }
  });
});
