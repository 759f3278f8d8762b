import { appendFile, chmod, mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ConcentratorConfig } from '../../../server-concentrator/config/concentrator-config.ts';
import { loadConcentratorConfig } from '../../../server-concentrator/config/load-concentrator-config.ts';
import { generateCertificate } from '../../../shared/runtime/identity/certificate.ts';
import { certificatePin } from '../../../shared/runtime/identity/certificate-pin.ts';
import { formatClientKey } from '../../../shared/runtime/identity/client-key.ts';
import { parseLink } from '../../../shared/runtime/identity/link.ts';
import { asUser, IS_ROOT, NOBODY } from '../../support/as-user.ts';
import { cli, mode } from './concentrator-cli-bed.ts';

describe('tributary-concentrator init', () => {
  it('writes private files and prints one link that fits them', async () => {
    const { exec, directory } = await cli();
    const { code, stdout, stderr } = await exec(
      'init',
      '--public',
      'vps.example.org',
      '[2001:db8::1]:443',
      '--client',
      'laptop',
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/^tributary:\/\/\S+\n$/);
    const link = parseLink(stdout);
    expect(link).toMatchObject({
      clientId: 'laptop',
      addresses: [
        { host: 'vps.example.org', port: 8443 },
        { host: '2001:db8::1', port: 443 },
      ],
      pins: [certificatePin(await readFile(join(directory, 'certificate.pem'), 'utf8'))],
    });
    for (const name of ['key.pem', 'certificate.pem', 'clients.yaml', 'tributary-concentrator.yaml']) {
      expect(await mode(join(directory, name))).toBe(0o600);
      expect(stderr).toContain(`Wrote ${join(directory, name)}`);
    }
    expect(stderr).toContain('tributary-client join\nand paste the link');
    expect(stderr).not.toContain(formatClientKey(link.clientKey));
  });

  it.each([
    [
      ['vps.example.org:443'],
      [],
      'come to vps.example.org:443, and the concentrator listens at port 8443. Unless something in between leads one to the other, ' +
        'set listen: ["0.0.0.0:8443", "[::]:8443", "0.0.0.0:443", "[::]:443"] in ',
    ],
    [['vps.example.org:443'], ['0.0.0.0:443'], undefined],
    [['vps.example.org'], ['0.0.0.0:443'], undefined],
    [
      ['a.example', 'b.example:444', 'c.example:445', 'd.example:444'],
      ['192.0.2.1:443'],
      'come to b.example:444, c.example:445, d.example:444, and the concentrator listens at port 443. Unless something in between leads ' +
        'one to the other, set listen: ["192.0.2.1:443", "0.0.0.0:444", "[::]:444", "0.0.0.0:445", "[::]:445"] in ',
    ],
    [['vps.example.org'], [], undefined],
  ])('says where clients come to a port that it does not listen at: %s, %s', async (names, listen, words) => {
    const { exec } = await cli();
    const options = listen.length === 0 ? [] : ['--listen', ...listen];
    const { code, stderr } = await exec('init', '--public', ...names, ...options);
    expect(code).toBe(0);
    // All in one: each piece of advice for itself would undo the one before.
    const advice = stderr.split('\n').filter((line) => line.startsWith('Clients come to'));
    expect(advice).toEqual(words === undefined ? [] : [expect.stringContaining(words)]);
  });

  it('writes nowhere else than where it was told', async () => {
    const { exec, directory } = await cli();
    const refused = await exec('--config', 'elsewhere.yaml', 'init', '--public', 'vps.example.org');
    expect(refused).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('--directory') });
    await expect(readdir(directory)).rejects.toThrow('ENOENT');
  });

  it('says that there is no service to start, once all is written', async () => {
    const { exec, directory } = await cli();
    const { code, stdout, stderr } = await exec('init', '--public', 'vps.example.org', '--start');
    expect(code).not.toBe(0);
    expect(stdout).toMatch(/^tributary:\/\/client1:\S+\n$/);
    expect(stderr).toContain('there is none: the files are written, start it by hand');
    expect(await readdir(directory)).toContain('tributary-concentrator.yaml');
  });

  it('refuses to replace what is there, unless --force', async () => {
    const { exec, directory } = await cli();
    await exec('init', '--public', 'vps.example.org');
    const before = await readFile(join(directory, 'key.pem'), 'utf8');
    const refused = await exec('init', '--public', 'vps.example.org');
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain('there already');
    expect(refused.stderr).toContain('client add NAME');
    expect(await readFile(join(directory, 'key.pem'), 'utf8')).toBe(before);
    expect((await exec('init', '--public', 'vps.example.org', '--force')).code).toBe(0);
    expect(await readFile(join(directory, 'key.pem'), 'utf8')).not.toBe(before);
  });

  it('says what to remove where an earlier one did not come to its end', async () => {
    const { exec, directory } = await cli();
    await exec('init', '--public', 'vps.example.org');
    for (const name of ['clients.yaml', 'tributary-concentrator.yaml']) await rm(join(directory, name));
    const refused = await exec('init', '--public', 'vps.example.org');
    const advised = `rm ${join(directory, 'key.pem')} ${join(directory, 'certificate.pem')}\n`;
    expect(refused).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(advised) });
    expect(refused.stderr).not.toContain('client add');
    for (const file of advised.trim().split(' ').slice(1)) await rm(file);
    expect((await exec('init', '--public', 'vps.example.org')).code).toBe(0);
  });

  it('takes the port of --listen for --public, and another directory', async () => {
    const { exec, home } = await cli();
    const made = await exec(
      'init',
      '--public',
      '2001:db8::1',
      '--listen',
      '0.0.0.0:443',
      '[::]:443',
      '--directory',
      'd',
    );
    expect(parseLink(made.stdout).addresses).toEqual([{ host: '2001:db8::1', port: 443 }]);
    const checked = await exec('check', '--config', 'd/tributary-concentrator.yaml');
    expect(checked.stdout).toContain('listens at    0.0.0.0:443, [::]:443\n');
    expect(await mode(join(home, 'd'))).toBe(0o700);
  });

  it.each([
    [['init'], "required option '--public <host:port...>' not specified"],
    [['init', '--public', 'a b'], '--public expects HOST:PORT'],
    [['init', '--public', 'a', '--listen', 'b:1'], '--listen expects ADDRESS:PORT'],
    [['init', '--public', 'a', '--client', 'a b'], 'expected a client name of 1 to 32'],
    [['init', '--public', 'a', '--publik', 'a'], "unknown option '--publik'"],
    [['chekc'], 'unknown command: did you mean "check"?'],
    [['client', 'ad', 'x'], "unknown command 'ad'"],
    [['client', 'add'], "missing required argument 'name'"],
    [['check'], 'Make one with: tributary-concentrator init --public HOST'],
    [[], 'Make one with: tributary-concentrator init --public HOST'],
  ])('%j is refused', async (args, message) => {
    const { exec } = await cli();
    const { code, stdout, stderr } = await exec(...args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/\n {4}at /);
  });
});

describe('tributary-concentrator certificate', () => {
  it('prepares another, whose pin links have, and changes to it', async () => {
    const { exec, directory } = await cli();
    const { stdout: first } = await exec('init', '--public', 'vps.example.org');
    const [pin] = parseLink(first).pins;
    const early = await exec('certificate', 'switch');
    expect([early.code, early.stderr]).toEqual([2, expect.stringContaining('no certificate is prepared')]);

    const prepared = await exec('certificate', 'prepare');
    expect(prepared.code).toBe(0);
    const added = parseLink((await exec('client', 'add', 'router')).stdout);
    expect(added.pins[0]).toEqual(pin);
    expect(added.pins).toHaveLength(2);
    expect(prepared.stdout).toBe(`pin: [${added.pins.map(({ text }) => `"${text}"`).join(', ')}]\n`);
    expect((await exec('check')).stdout).toContain(`prepared      ${added.pins[1]!.text}: in new links`);
    for (const name of ['key.next.pem', 'certificate.next.pem']) {
      expect(await mode(join(directory, name))).toBe(0o600);
    }
    expect((await exec('certificate', 'prepare')).code).toBe(2);

    expect((await exec('certificate', 'switch')).code).toBe(0);
    expect((await exec('check')).stdout).toContain(`certificate   ${added.pins[1]!.text}, expires`);
    expect(parseLink((await exec('client', 'add', 'phone')).stdout).pins).toEqual([added.pins[1]]);
    expect((await readdir(directory)).filter((name) => name.includes('next'))).toEqual([]);
  });

  it('that a command is changing just now is read as a whole, as by a reload', async () => {
    const { exec, directory } = await cli();
    await exec('init', '--public', 'vps.example.org');
    const other = await generateCertificate(new Date());
    const file = (name: string) => join(directory, name);
    // The certificate was read before the change, and the key behind it.
    await writeFile(file('key.pem'), other.key);
    const loading = loadConcentratorConfig(file('tributary-concentrator.yaml'));
    await new Promise((resolve) => setTimeout(resolve, 20));
    // Written in place, as by cp: it is empty for a moment.
    await truncate(file('certificate.pem'));
    await new Promise((resolve) => setTimeout(resolve, 80));
    await writeFile(file('certificate.pem'), other.certificate);
    expect((await loading).tls).toEqual(other);
    await writeFile(file('key.pem'), (await generateCertificate(new Date())).key);
    expect(await exec('check')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('key.pem is not the key of certificate.pem'),
    });
  });

  it('that was changed half way, as by a power cut, works, and can be completed', async () => {
    const { exec, directory } = await cli();
    await exec('init', '--public', 'vps.example.org');
    await exec('certificate', 'prepare');
    const next = await readFile(join(directory, 'certificate.next.pem'), 'utf8');
    await writeFile(join(directory, 'certificate.pem'), next);
    const { text } = certificatePin(next);
    expect((await exec('check')).stdout).toContain(`certificate   ${text}, expires`);
    expect(parseLink((await exec('client', 'add', 'x')).stdout).pins.map((pin) => pin.text)).toEqual([text]);
    expect((await exec('certificate', 'switch')).code).toBe(0);
    expect((await readdir(directory)).filter((name) => name.includes('next'))).toEqual([]);
    expect((await exec('check')).code).toBe(0);
  });
});

describe('tributary-concentrator', () => {
  it.each<[string, (directory: string) => Promise<void>, string]>([
    [
      'damaged',
      (directory) => writeFile(join(directory, 'certificate.next.pem'), '-----BEGIN CERTIFICATE-----\nMII'),
      'certificate.next.pem holds no PEM certificate',
    ],
    ['empty', (directory) => truncate(join(directory, 'certificate.next.pem')), 'holds no PEM certificate'],
    [
      'no file',
      async (directory) => {
        await rm(join(directory, 'certificate.next.pem'));
        await mkdir(join(directory, 'certificate.next.pem'));
      },
      'certificate.next.pem is not a file',
    ],
    [
      'without its key',
      (directory) => rm(join(directory, 'key.next.pem')),
      'key.next.pem: there is no such file',
    ],
    [
      'with another key',
      async (directory) =>
        writeFile(join(directory, 'key.next.pem'), await readFile(join(directory, 'key.pem'))),
      'key.next.pem is not the key of certificate.next.pem',
    ],
  ])('checks: warns of a prepared certificate that is %s', async (_, spoil, problem) => {
    const { exec, directory } = await cli();
    await exec('init', '--public', 'vps.example.org');
    await exec('certificate', 'prepare');
    expect((await exec('check')).stderr).toBe('');
    await spoil(directory);
    const { code, stderr } = await exec('check');
    expect(code).toBe(0);
    expect(stderr).toContain('warning: what is prepared cannot be changed to: ');
    expect(stderr).toContain(problem);
    expect(stderr).toContain('certificate prepare --force');
    expect((await exec('certificate', 'switch')).code).toBe(2);
  });

  it('checks: does not warn of what a change of the certificate may leave behind', async () => {
    const { exec, directory } = await cli();
    await exec('init', '--public', 'vps.example.org');
    await exec('certificate', 'prepare');
    for (const name of ['certificate', 'key']) {
      await writeFile(join(directory, `${name}.pem`), await readFile(join(directory, `${name}.next.pem`)));
    }
    expect((await exec('check')).stderr).toBe('');
    await rm(join(directory, 'certificate.next.pem'));
    expect((await exec('check')).stderr).toBe('');
  });

  it.each<[string, string[], boolean]>([
    ['private addresses alone', ['127.0.0.1', '10.0.0.5', '2001:470::5'], true],
    ['carrier-grade NAT', ['100.64.0.5'], true],
    ['a public one, too', ['10.0.0.5', '198.41.0.4'], false],
    ['loopback alone', ['127.0.0.1'], false],
  ])('checks: warns that its public address may be unknown, with %s: %s', async (_, addresses, warns) => {
    const { exec, setOwn } = await cli();
    await exec('init', '--public', 'vps.example.org');
    setOwn(addresses);
    expect((await exec('check')).stderr.includes('add its public address to "public"')).toBe(warns);
  });

  it('checks: says what it would do', async () => {
    const { exec, directory } = await cli();
    await exec('init', '--public', 'vps.example.org');
    const { code, stdout, stderr } = await exec('check');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('listens at    0.0.0.0:8443, [::]:8443 (where the machine has IPv6)');
    expect(stdout).toContain('but denies  *:25');
    expect(stdout).toContain('UDP           port 8443; a client may have 1024 flows and 256 associations\n');
    expect(stdout).toContain(
      '  per client  8 sessions, memory 128MiB, 200 opens a second, 256 dials and 64 names at a time, 16 joins a second\n',
    );
    expect(stdout).toContain('  per session 4096 connections, 32 subflows, memory 64MiB\n');
    expect(stdout).toContain('expires 2045-01-31');
    expect(stdout).toContain(`clients       1, in ${join(directory, 'clients.yaml')}`);
    for (const name of ['clients.yaml', 'key.pem']) {
      await chmod(join(directory, name), 0o644);
      expect((await exec('check')).stderr).toContain(`chmod 600 ${join(directory, name)}`);
      await chmod(join(directory, name), 0o600);
    }
    const config = join(directory, 'tributary-concentrator.yaml');
    await appendFile(config, 'tuning: { receipts.intervalMs: 7 }\n');
    expect((await exec('check')).stderr).toMatch(
      /^warning: tuning is for experiments.*: receipts.intervalMs=7$/m,
    );
    await exec('client', 'revoke', 'client1');
    expect((await exec('check')).stderr).toContain('warning: nobody may connect');
  });

  it('checks: says that others can read the password of the database', async () => {
    const { exec, directory } = await cli();
    await exec('init', '--public', 'vps.example.org');
    const config = join(directory, 'tributary-concentrator.yaml');
    const database = '{database: "postgresql://me@db.test/all", passwordFile: database-password}';
    const text = (await readFile(config, 'utf8')).replace(/^clients: .*$/m, `clients: ${database}`);
    await writeFile(config, text);
    const passwordFile = join(directory, 'database-password');
    await writeFile(passwordFile, 'hunter2\n', { mode: 0o600 });
    expect((await exec('check')).stderr).not.toContain('database-password');
    await chmod(passwordFile, 0o644);
    const { code, stdout, stderr } = await exec('check');
    expect([code, stderr]).toEqual([0, expect.stringContaining(`chmod 600 ${passwordFile}`)]);
    expect(stdout + stderr).not.toContain('hunter2');
  });

  it.skipIf(!IS_ROOT)('asks at its usual address where root alone may read the configuration', async () => {
    const { exec, home, directory } = await cli();
    await exec('init', '--public', 'vps.example.org');
    for (const folder of [home, join(home, '.config'), directory]) await chmod(folder, 0o755);
    const asked = await asUser(NOBODY, () => exec('status', '--json', '--ready'));
    expect(asked.stderr).toMatch(
      /permission denied\nSo this asks at 127\.0\.0\.1:9102, the usual address\.\n/,
    );
    for (const command of [['check'], ['doctor'], ['client', 'list']]) {
      const { code, stderr } = await asUser(NOBODY, () => exec(...command));
      expect([code, stderr]).toEqual([
        2,
        expect.stringMatching(/permission denied\n.*: run this as root\n$/),
      ]);
    }
  });

  it('runs what it was given, with the configuration', async () => {
    const seen: ConcentratorConfig[] = [];
    const { exec, directory } = await cli((config) => {
      seen.push(config);
      return Promise.resolve();
    });
    await exec('init', '--public', 'vps.example.org');
    expect((await exec()).code).toBe(0);
    expect((await exec('--config', join(directory, 'tributary-concentrator.yaml'))).code).toBe(0);
    expect(seen.map(({ clients }) => clients.map(({ id }) => id))).toEqual([['client1'], ['client1']]);
  });

  it('tells a failure at work from a mistake in the configuration', async () => {
    const { exec, directory } = await cli(() => Promise.reject(new Error('the port is taken')));
    await exec('init', '--public', 'vps.example.org');
    expect(await exec()).toEqual({
      code: 1,
      stdout: '',
      stderr: 'tributary-concentrator: the port is taken\n',
    });
    await writeFile(join(directory, 'tributary-concentrator.yaml'), 'linger: soon\n');
    const mistaken = await exec();
    expect(mistaken.code).toBe(2);
    expect(mistaken.stderr).toContain('tributary-concentrator.yaml:1:9: linger: expected a duration');
  });

  it('knows its version and helps', async () => {
    const { exec } = await cli();
    expect(await exec('--version')).toEqual({ code: 0, stdout: '1.2.3\n', stderr: '' });
    const help = await exec('--help');
    expect(help.code).toBe(0);
    for (const word of ['init', 'check', 'client', '--config', 'First steps'])
      expect(help.stdout).toContain(word);
    expect((await exec('client', 'add', '--help')).stdout).toContain('--config <file>');
  });
});
