import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { concentratorSchema } from '../../../server-concentrator/config/concentrator-schema.ts';
import {
  describeReload,
  RELOAD_RULES,
  takenOver,
} from '../../../server-concentrator/config/describe-reload.ts';
import { loadConcentratorConfig } from '../../../server-concentrator/config/load-concentrator-config.ts';
import { schemaKeyPaths } from '../../../shared/runtime/config/schema-keys.ts';
import { generateCertificate, type TlsIdentity } from '../../../shared/runtime/identity/certificate.ts';
import { formatClientKey } from '../../../shared/runtime/identity/client-key.ts';
import { changedConfig } from '../../config/changed-config.ts';
import { temporaryDirectory } from '../../config/temporary-directory.ts';

const KEY = formatClientKey(new Uint8Array(32).fill(7));
let identity: TlsIdentity;

beforeAll(async () => {
  identity = await generateCertificate(new Date());
});

async function directoryWith(text: string, files: Record<string, string> = {}): Promise<string> {
  const directory = await temporaryDirectory();
  const all = {
    'c.yaml': text,
    'certificate.pem': identity.certificate,
    'key.pem': identity.key,
    'clients.yaml': `- { id: a, key: ${KEY} }\n`,
    ...files,
  };
  for (const [name, content] of Object.entries(all)) await writeFile(join(directory, name), content);
  return join(directory, 'c.yaml');
}

async function mistakes(text: string, files: Record<string, string> = {}): Promise<string[]> {
  const file = await directoryWith(text, files);
  const error = await loadConcentratorConfig(file).then(
    () => expect.fail('the configuration was accepted'),
    (thrown: Error) => thrown,
  );
  return error.message.replaceAll(file.replace('c.yaml', ''), '').split('\n');
}

describe('a concentrator configuration', () => {
  it('may be empty: everything but the files has a default', async () => {
    const file = await directoryWith('');
    expect(await loadConcentratorConfig(file)).toEqual({
      file,
      listen: [
        { host: '0.0.0.0', port: 8443, required: true },
        { host: '::', port: 8443, required: false },
      ],
      public: [],
      announce: { addresses: [], joinHere: true },
      balancers: [],
      tls: identity,
      tlsCertificateFile: file.replace('c.yaml', 'certificate.pem'),
      tlsKeyFile: file.replace('c.yaml', 'key.pem'),
      clientsFile: file.replace('c.yaml', 'clients.yaml'),
      clients: [{ id: 'a', key: new Uint8Array(32).fill(7) }].map(({ id, key }) => ({
        id,
        key: Buffer.from(key),
      })),
      egress: { allow: [], deny: [], connectTimeoutMs: 10_000, resolveTimeoutMs: 5_000 },
      datagrams: {
        enabled: true,
        flowsPerClient: 1_024,
        associationsPerClient: 256,
        associations: 4_096,
        idleTimeoutMs: 300_000,
      },
      visitors: { allow: [], deny: [] },
      limits: {
        sessions: 256,
        sessionsPerClient: 8,
        streamsPerSession: 4096,
        subflowsPerSession: 32,
        opensPerSecond: 200,
        dialsPerClient: 256,
        namesPerClient: 64,
        joinsPerSecond: 16,
        publishPerClient: 64,
        bindsPerClient: 16,
        visitorsPerClient: 1_024,
        visitorsPerSecond: 200,
        measurementBytesPerHour: 512 * 1024 * 1024,
        memoryPerSessionBytes: 64 * 1024 * 1024,
        memoryPerClientBytes: 128 * 1024 * 1024,
        memoryTotalBytes: 512 * 1024 * 1024,
        handshakeTimeoutMs: 10_000,
        handshakesPerSecond: 400,
        streamIdleTimeoutMs: 7 * 24 * 3_600_000,
        drainTimeoutMs: 30_000,
      },
      clientMetrics: 100,
      connections: { keepAliveMs: 300_000, stallTimeoutMs: 120_000 },
      workers: 1,
      lingerMs: 60_000,
      metrics: { listen: { host: '127.0.0.1', port: 9102 }, hosts: [] },
      tuning: {},
      log: { level: 'info', format: 'auto' },
    });
  });

  it('reads addresses and egress rules', async () => {
    const config = await loadConcentratorConfig(
      await directoryWith(
        'listen: ["[::]:443"]\npublic: ["a.example:443"]\njoinName: C1.example.org\negress: { deny: ["*:25"] }\n',
      ),
    );
    expect(config.listen).toEqual([{ host: '::', port: 443, required: true }]);
    expect(config.public).toEqual([{ host: 'a.example', port: 443 }]);
    expect(config.joinName).toBe('c1.example.org');
    expect(config.egress.deny).toEqual([{ target: { kind: 'any' }, ports: { from: 25, to: 25 } }]);
  });

  it('reads the ports of BIND, one or several', async () => {
    const bindPorts = async (text: string) =>
      (await loadConcentratorConfig(await directoryWith(`visitors: { bindPorts: ${text} }\n`))).visitors
        .bindPorts;
    expect(await bindPorts('50000-50100')).toEqual([{ from: 50_000, to: 50_100 }]);
    expect(await bindPorts('[50000, "50010-50020"]')).toEqual([
      { from: 50_000, to: 50_000 },
      { from: 50_010, to: 50_020 },
    ]);
    expect(await mistakes('visitors: { bindPorts: 100-1 }\n')).toEqual([
      expect.stringMatching(/^c.yaml:1:\d+: visitors.bindPorts: expected a port, or a range/),
    ]);
  });

  it('tells mistakes with their places', async () => {
    expect(
      await mistakes(`listen: ["localhost:1"]
egress:
  allow:
    - 10.0.0.1/8
  alow: []
limits:
  memoryPerSession: 1GiB
`),
    ).toEqual([
      'c.yaml:1:10: listen[0]: expected ADDRESS:PORT to listen at, for example "127.0.0.1:1080" or "[::1]:1080", ' +
        'found "localhost:1"',
      expect.stringMatching(
        /^c.yaml:4:7: egress.allow\[0\]: expected a rule such as .*, found "10.0.0.1\/8"$/,
      ),
      'c.yaml:5:3: egress: unknown key "alow": did you mean "allow"?',
      'c.yaml:7:21: limits.memoryPerSession: more than memoryTotal',
    ]);
  });

  it('takes numbers of the core, and no others', async () => {
    const config = await loadConcentratorConfig(await directoryWith('tuning:\n  receipts.intervalMs: 7.5\n'));
    expect(config.tuning).toEqual({ 'receipts.intervalMs': 7.5 });
    expect(await mistakes('tuning:\n  receipt.intervalMs: 7\n  receipts.copies: two\n')).toEqual([
      'c.yaml:2:3: tuning: unknown key "receipt.intervalMs": did you mean "receipts.intervalMs"?',
      'c.yaml:3:20: tuning.receipts.copies: expected a number, found "two"',
    ]);
  });

  it('announces IP addresses, as many as clients heed, and some where clients are sent away', async () => {
    const file = await directoryWith('announce: { addresses: ["[2001:db8::1]:8443"], joinHere: false }\n');
    expect((await loadConcentratorConfig(file)).announce).toEqual({
      addresses: [{ host: '2001:db8::1', port: 8443 }],
      joinHere: false,
    });
    const auto = await loadConcentratorConfig(await directoryWith('announce: { addresses: auto }\n'));
    expect(auto.announce.addresses).toBe('auto');
    const wrong = ['addresses: ["vps.example:8443"]', 'addresses: ["192.0.2.1"]', 'addresses: all'];
    const many = `addresses: [${Array.from({ length: 9 }, (_, i) => `"192.0.2.${i}:1"`).join(', ')}]`;
    for (const text of [...wrong, many]) {
      const [mistake] = await mistakes(`announce: { ${text} }\n`);
      expect(mistake, text).toMatch(/^c.yaml:1:\d+: announce.addresses/);
    }
    expect(await mistakes('announce:\n  joinHere: false\n')).toEqual([
      expect.stringMatching(/^c.yaml:2:13: announce.joinHere: .*list some under announce.addresses/),
    ]);
  });

  it('takes one host for a database, whatever stands in its password, and says so of several', async () => {
    const at = (authority: string) => `clients: { database: "postgresql://${authority}/all" }\n`;
    for (const authority of [
      'me@one.test,two.test',
      'me:p@one.test:5432,two.test:5432',
      'one.test,two.test',
      'me:a@b@one.test,two.test',
    ]) {
      const [mistake, ...others] = await mistakes(at(authority));
      expect([mistake, others], authority).toEqual([expect.stringContaining('names several hosts'), []]);
      expect(mistake).not.toContain('one.test');
    }
    for (const password of ['a,b', 'a@b,c', 'a,b@c', '@,@']) {
      const { clientsDatabase } = await loadConcentratorConfig(
        await directoryWith(at(`me:${password}@one.test`)),
      );
      expect(clientsDatabase).toMatchObject({ host: 'one.test', password });
      const socket = `clients: { database: "postgresql://me:${password}@/all?host=/run" }\n`;
      expect((await loadConcentratorConfig(await directoryWith(socket))).clientsDatabase).toMatchObject({
        host: '/run',
        password,
      });
    }
  });

  it('refuses a rule that would open nothing', async () => {
    expect(
      await mistakes('egress:\n  allow: [10.0.0.0/8, "*.example.org"]\n  deny: ["*.example.org"]\n'),
    ).toEqual([
      expect.stringMatching(/^c.yaml:2:23: egress.allow\[1\]: opens nothing: .*by network or address/),
    ]);
    expect(await mistakes('egress: { allow: ["*:80"] }\n')).toHaveLength(1);
  });

  it('tells what is wrong with the files that it names', async () => {
    expect(await mistakes('tls:\n  key: absent.pem\nclients: none.yaml\n')).toEqual([
      'c.yaml:2:8: tls.key: cannot read absent.pem: there is no such file',
      'none.yaml:1:1: cannot read none.yaml: there is no such file',
    ]);
    const other = await generateCertificate(new Date());
    expect(await mistakes('', { 'key.pem': other.key })).toEqual([
      'c.yaml:1:1: tls.key: key.pem is not the key of certificate.pem',
    ]);
    const garbled = await mistakes('', { 'key.pem': identity.key.slice(0, 100) });
    expect(garbled).toEqual(['c.yaml:1:1: tls.key: key.pem holds no PEM private key (without a passphrase)']);
    expect(await mistakes('', { 'certificate.pem': 'nothing' })).toEqual([
      'c.yaml:1:1: tls.certificate: certificate.pem holds no PEM certificate',
    ]);
  });
});

describe('a reload', () => {
  it('takes clients, egress rules and log level over, and names what waits for a restart', async () => {
    const before = await loadConcentratorConfig(await directoryWith(''));
    const same = { ...before };
    expect(describeReload(before, same)).toEqual({ live: [], restart: [] });
    const text =
      'egress: { deny: ["*:25"], connectTimeout: 3s }\nlimits: { sessions: 1 }\n' +
      'log: { level: debug, format: json }\n';
    const after = await loadConcentratorConfig(await directoryWith(text, { 'clients.yaml': '' }));
    expect(describeReload(before, after)).toEqual({
      live: ['clients', 'egress.deny', 'log.level'],
      restart: ['egress.connectTimeout', 'limits', 'log.format'],
    });
  });

  it('does not say that clients were taken over where they come from elsewhere from now on', async () => {
    const before = await loadConcentratorConfig(await directoryWith(''));
    const database = 'clients: { database: "postgresql://tributary@db.example.org/tributary" }\n';
    const after = await loadConcentratorConfig(await directoryWith(database));
    expect(describeReload(before, after)).toEqual({ live: [], restart: ['clients.database'] });
    expect(describeReload(after, before)).toEqual({ live: [], restart: ['clients.database'] });
    const withPassword = (password: string, file: object) => ({
      ...after,
      clientsDatabase: { ...after.clientsDatabase!, password, ...file },
    });
    const reload = (file: object) => describeReload(withPassword('one', file), withPassword('two', file));
    expect(reload({ passwordFile: '/password' })).toEqual({ live: [], restart: [] });
    expect(reload({})).toEqual({ live: [], restart: ['clients.database'] });
  });

  it('leaves what waits for a restart as it was, in all that is told of what holds', async () => {
    const before = await loadConcentratorConfig(await directoryWith(''));
    const unsaid = { clientsDatabase: 1, joinName: 1, stateDirectory: 1, congestionControl: 1, metrics: 1 };
    const after = changedConfig({ ...unsaid, ...before }) as typeof before;
    const elsewhere = takenOver(before, after);
    const { clientsDatabase: _, ...inFile } = after;
    const holds = takenOver(before, inFile);
    for (const { key, value, applies } of RELOAD_RULES) {
      expect(value(after), key).not.toEqual(value(before));
      expect(value(holds), key).toEqual(value(applies === 'live' ? after : before));
      const isKept = applies === 'restart' || key === 'clients';
      expect(value(elsewhere), key).toEqual(value(isKept ? before : after));
    }
  });

  it('knows every key', () => {
    const known = RELOAD_RULES.map(({ key }) => key);
    const missing = schemaKeyPaths(concentratorSchema).filter(
      (path) =>
        !known.some((key) => path === key || path.startsWith(`${key}.`) || key.startsWith(`${path}.`)),
    );
    expect(missing).toEqual([]);
  });
});
