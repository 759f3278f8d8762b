import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadClientConfig } from '../../../client-proxy/config/load-client-config.ts';
import { parseEgressRule } from '../../../server-concentrator/config/egress-rule.ts';
import { loadConcentratorConfig } from '../../../server-concentrator/config/load-concentrator-config.ts';
import { formatClientKey } from '../../../shared/runtime/identity/client-key.ts';
import { parseLink, parseLinks } from '../../../shared/runtime/identity/link.ts';
import { cli as clientCli } from '../../client-proxy/cli/client-cli-bed.ts';
import { cli, mode } from './concentrator-cli-bed.ts';

describe('tributary-concentrator client', () => {
  it('adds, lists and revokes', async () => {
    const { exec, directory } = await cli();
    await exec('init', '--public', 'vps.example.org');
    const added = await exec('client', 'add', 'router');
    expect(added.code).toBe(0);
    const link = parseLink(added.stdout);
    expect(link.clientId).toBe('router');
    expect(added.stderr).toContain('SIGHUP');
    expect(await mode(join(directory, 'clients.yaml'))).toBe(0o600);

    const listed = await exec('client', 'list');
    expect(listed.stdout.split('\n').map((line) => line.split(/\s+/))).toEqual([
      ['client1', '2025-01-31T12:00:00Z'],
      ['router', '2025-01-31T12:00:00Z'],
      [''],
    ]);
    expect(listed.stdout + listed.stderr).not.toContain(formatClientKey(link.clientKey));

    expect(await exec('client', 'add', 'router')).toMatchObject({ code: 2, stdout: '' });
    expect((await exec('client', 'revoke', 'router')).code).toBe(0);
    expect((await exec('client', 'revoke', 'router')).code).toBe(2);
    expect((await exec('client', 'list')).stdout).not.toContain('router');
    expect(await readFile(join(directory, 'clients.yaml'), 'utf8')).toMatch(
      /^# The clients that may connect/,
    );
  });

  it('prints one text that names several concentrators, from which a client joins all of them', async () => {
    const [frankfurt, paris] = [await cli(), await cli()];
    await frankfurt.exec('init', '--public', 'fra.example.org');
    await paris.exec('init', '--public', 'par.example.org');
    const first = await frankfurt.exec('client', 'add', 'van-7', '--as', 'frankfurt');
    expect(first.stdout).toMatch(/&name=frankfurt\n$/);
    paris.pipe(`The link follows:\n${first.stdout}`);
    const both = await paris.exec('client', 'add', 'van-7', '--as', 'paris', '--also', '-');
    expect([both.code, both.stderr.includes('warning')]).toEqual([0, false]);
    expect(both.stdout).toBe(`${first.stdout.trim()} ${both.stdout.trim().split(' ')[1]}\n`);
    expect(both.stderr).toContain('names 2 concentrators');
    const client = await clientCli({
      input: { isTerminal: true, readText: async () => '', ask: async () => both.stdout },
    });
    expect((await client.exec('join')).code).toBe(0);
    const { concentrators } = await loadClientConfig(client.file);
    const keysOf = (text: string) => parseLinks(text).map(({ clientKey }) => formatClientKey(clientKey));
    expect(
      concentrators.map(({ name, concentrator: { addresses }, client: { id, key } }) => [
        name,
        addresses[0]!.host,
        id,
        formatClientKey(key),
      ]),
    ).toEqual([
      ['frankfurt', 'fra.example.org', 'van-7', keysOf(both.stdout)[0]],
      ['paris', 'par.example.org', 'van-7', keysOf(both.stdout)[1]],
    ]);
  });

  it('refuses further links that a client could not tell apart, before it adds anything', async () => {
    const [frankfurt, paris] = [await cli(), await cli()];
    await frankfurt.exec('init', '--public', 'fra.example.org');
    await paris.exec('init', '--public', 'par.example.org');
    const { stdout: named } = await frankfurt.exec('client', 'add', 'van-7', '--as', 'one');
    const { stdout: own } = await paris.exec('client', 'add', 'other');
    const many = Array.from({ length: 8 }, (_, i) =>
      named.trim().replace('fra.', `f${i}.`).replace('name=one', `name=n${i}`),
    );
    for (const [piped, as, message] of [
      [named, 'one', 'two links have the name one'],
      [own, 'two', 'two links have the address par.example.org:8443'],
      [own.replace('par.', 'p2.'), 'two', 'two links have the same pin'],
      [many.join(' '), 'two', 'a client can have 8 concentrators, and these are 9'],
      [named, 'no name', '--as expects a name of 1 to 32'],
      ['nothing', 'two', 'the link cannot be used'],
    ] as const) {
      paris.pipe(piped);
      const refused = await paris.exec('client', 'add', 'van-7', '--as', as, '--also', '-');
      expect([refused.code, refused.stdout, refused.stderr]).toEqual([
        2,
        '',
        expect.stringContaining(message),
      ]);
    }
    expect((await paris.exec('client', 'list')).stdout).not.toContain('van-7');
    await writeFile(join(paris.home, 'link'), named, { mode: 0o600 });
    expect((await paris.exec('client', 'add', 'van-7', '--also', 'link')).code).toBe(0);
    const absent = await paris.exec('client', 'add', 'van-8', '--also', 'no-link');
    expect([absent.code, absent.stderr]).toEqual([
      2,
      expect.stringContaining('; to read the link from a pipe, use "--also -"'),
    ]);
    const shown = await paris.exec('client', 'add', 'van-8', '--also', named.trim());
    expect([shown.code, shown.stderr]).toEqual([
      0,
      expect.stringContaining('warning: a link on the command line'),
    ]);
  });

  it('rotates a key: both are good until it is finished, and the link has the new one', async () => {
    const { exec, directory } = await cli();
    const { stdout: first } = await exec('init', '--public', 'vps.example.org');
    const keys = async () => {
      const { clients } = await loadConcentratorConfig(join(directory, 'tributary-concentrator.yaml'));
      return clients.map(({ key, oldKey }) => [key, oldKey].map((one) => one && formatClientKey(one)));
    };
    const [before] = await keys();
    const rotated = await exec('client', 'rotate', 'client1');
    expect(rotated.code).toBe(0);
    expect(rotated.stderr).toContain('client rotate client1 --finish');
    const link = parseLink(rotated.stdout);
    const newKey = formatClientKey(link.clientKey);
    expect(link).toEqual({ ...parseLink(first), clientKey: link.clientKey });
    expect(newKey).not.toBe(before![0]);
    expect(await keys()).toEqual([[newKey, before![0]]]);
    expect(await mode(join(directory, 'clients.yaml'))).toBe(0o600);
    expect((await exec('check')).stdout).toContain('; with two keys: client1\n');
    expect((await exec('client', 'list')).stdout).toContain('changing its key since 2025-01-31T12:00:00Z');
    // The link was lost on the way, to a full disk for example.
    expect(await exec('client', 'rotate', 'client1')).toMatchObject({ code: 0, stdout: rotated.stdout });
    expect(await keys()).toEqual([[newKey, before![0]]]);
    expect((await exec('client', 'rotate', 'client1', '--finish')).code).toBe(0);
    expect(await keys()).toEqual([[newKey, undefined]]);
    const again = await exec('client', 'rotate', 'client1', '--finish');
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('has one key only')]);
    expect((await exec('client', 'rotate', 'nobody')).code).toBe(2);
  });

  it('says which ports a client may publish', async () => {
    const { exec, directory } = await cli();
    await exec('init', '--public', 'vps.example.org');
    const granted = async () => {
      const { clients } = await loadConcentratorConfig(join(directory, 'tributary-concentrator.yaml'));
      return Object.fromEntries(clients.map(({ id, publish }) => [id, publish]));
    };
    expect((await exec('client', 'add', 'home', '--publish', '443, 8000-8010')).code).toBe(0);
    const both = [
      { from: 443, to: 443 },
      { from: 8000, to: 8010 },
    ];
    expect(await granted()).toEqual({ client1: undefined, home: both });
    const file = join(directory, 'clients.yaml');
    expect(await readFile(file, 'utf8')).toContain('publish: [ 443, 8000-8010 ]\n');
    expect((await exec('client', 'list')).stdout).toMatch(/^home .*Z {2}may publish 443, 8000-8010$/m);
    const key = () => exec('client', 'rotate', 'home').then(({ stdout }) => parseLink(stdout).clientKey);
    await key();
    const set = await exec('client', 'publish', 'client1', '22');
    expect([set.code, set.stderr]).toEqual([0, expect.stringMatching(/^client1: may publish 22\n.*SIGHUP/s)]);
    expect((await exec('client', 'publish', 'home', 'none')).stderr).toContain('home: changing its key');
    expect(await granted()).toEqual({ client1: [{ from: 22, to: 22 }], home: undefined });
    expect((await exec('client', 'list')).stdout).toMatch(/^home .*changing its key/m);
  });

  it.each([
    [['add', 'x', '--publish', '0'], 'expected a port, or a range of them'],
    [['add', 'x', '--publish', '8010-8000'], 'expected a port, or a range of them'],
    [['add', 'x', '--publish', '443,,80'], 'expected a port, or a range of them'],
    [['add', 'x', '--publish', Array.from({ length: 65 }, (_, i) => i + 1).join()], 'at most 64 ports'],
    [['publish', 'client1'], "missing required argument 'ports'"],
    [['publish', 'nobody', '443'], 'there is no client of this name'],
  ])('refuses client %j, and changes nothing', async (args, message) => {
    const { exec, directory } = await cli();
    await exec('init', '--public', 'vps.example.org');
    const before = await readFile(join(directory, 'clients.yaml'), 'utf8');
    const { code, stderr } = await exec('client', ...args);
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
    expect(await readFile(join(directory, 'clients.yaml'), 'utf8')).toBe(before);
  });

  it('sets what a client may do, one thing after another, and takes it back', async () => {
    const { exec, directory } = await cli();
    await exec('init', '--public', 'vps.example.org');
    const entry = async () => {
      const { clients } = await loadConcentratorConfig(join(directory, 'tributary-concentrator.yaml'));
      const { key: _, ...rest } = clients.at(-1)!;
      return rest;
    };
    const options = ['--label', 'Van 7 \u{1f69a}', '--expires', '2027-01-31', '--rate-limit', '20Mbit/s'];
    const quota = ['--quota', '100GB', '--at-quota', '1Mbit/s'];
    const egress = ['--allow', '10.1.0.0/16', '--deny', '*:25', '--only', '10.1.0.0/16,*.example.org:443'];
    expect((await exec('client', 'add', 'van', ...options, ...quota, ...egress)).code).toBe(0);
    expect(await entry()).toEqual({
      id: 'van',
      label: 'Van 7 \u{1f69a}',
      expiresMs: Date.UTC(2027, 1, 1),
      rateBytesPerSecond: 2_500_000,
      quota: { bytes: 1e11, whenUsedUp: { bytesPerSecond: 125_000 } },
      egress: {
        allow: [parseEgressRule('10.1.0.0/16')],
        deny: [parseEgressRule('*:25')],
        only: [parseEgressRule('10.1.0.0/16'), parseEgressRule('*.example.org:443')],
      },
    });
    expect((await exec('client', 'list')).stdout).toContain(
      '"Van 7 \u{1f69a}"; expires 2027-01-31; at most 20Mbit/s; 100GB a month, then 1Mbit/s; ' +
        'also reaches 10.1.0.0/16; never reaches *:25; reaches only 10.1.0.0/16, *.example.org:443',
    );
    const [listed] = JSON.parse((await exec('client', 'list', '--json')).stdout).slice(-1);
    expect(listed).toMatchObject({ id: 'van', quota: '100GB', atQuota: '1Mbit/s', isChangingKey: false });
    expect(listed.key).toBeUndefined();
    await exec(
      'client',
      'set',
      'van',
      '--quota',
      '1GB',
      '--at-quota',
      'refuse',
      '--expires',
      '30d',
      '--only',
      'none',
    );
    const changed = await entry();
    expect(changed.quota).toEqual({ bytes: 1e9, whenUsedUp: 'refuse' });
    expect(changed.egress?.only).toBeUndefined();
    expect(changed.expiresMs! - Date.now()).toBeLessThan(31 * 86_400_000);
    const none = ['--label', '--expires', '--rate-limit', '--quota', '--allow', '--deny'];
    await exec('client', 'set', 'van', ...none.flatMap((option) => [option, 'none']));
    expect(await entry()).toEqual({ id: 'van' });
    expect((await exec('client', 'remove', 'van')).code).toBe(0);
    expect((await entry()).id).toBe('client1');
  });

  it.each([
    [['--expires', '2027-02-30'], '--expires: expected a day such as'],
    [['--expires', '2027-01-31T12:00:00'], '--expires: expected a day such as'],
    [['--expires', '2027-01-31T12:00:00 Mars/Phobos'], '--expires: expected a day such as'],
    [['--expires', '+275761-01-01'], '--expires: expected a day such as'],
    [['--expires', '9999-12-31T23:59:59-01:00'], '--expires: expected a day such as'],
    [['--expires', '0001-01-01T00:00:00+01:00'], '--expires: expected a day such as'],
    [['--expires', '999999999d'], '--expires: expected a day such as'],
    [['--rate-limit', '1kbit/s'], '--rate-limit: expected a rate'],
    [['--rate-limit', '999999999Gbit/s'], '--rate-limit: expected a rate'],
    [['--rate-limit', '-5Mbit/s'], '--rate-limit: expected a rate'],
    [['--quota', '0GB'], '--quota: expected a size'],
    [['--quota', '1e30TB'], '--quota: expected a size'],
    [['--quota', '99999TB'], '--quota: expected a size'],
    [['--at-quota', 'refuse'], '--at-quota: has no meaning without quota'],
    [['--quota', '1GB', '--at-quota', 'slowly'], '--at-quota: expected refuse, or a rate'],
    [['--label', 'x'.repeat(201)], '--label: expected a text of at most 200'],
    [['--label', 'a\0b'], '--label: expected a text'],
    [['--allow', '*.example.org'], '--allow: opens nothing'],
    [['--only', ''], '--only: expected a rule'],
    [['--deny', '10.0.0.1/8'], '--deny: expected a rule'],
    [[], 'nothing is to be set'],
  ])('refuses client set %j, and changes nothing', async (options, message) => {
    const { exec, directory } = await cli();
    await exec('init', '--public', 'vps.example.org');
    const before = await readFile(join(directory, 'clients.yaml'), 'utf8');
    const { code, stderr } = await exec('client', 'set', 'client1', ...options);
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
    expect(await readFile(join(directory, 'clients.yaml'), 'utf8')).toBe(before);
  });

  it('says so where the time of a client is over already', async () => {
    const { exec, home } = await cli();
    await exec('init', '--public', 'vps.example.org');
    const past = 'has expired 2020-01-31';
    const added = await exec('client', 'add', 'old', '--expires', '2020-01-31');
    expect([added.code, added.stderr]).toEqual([
      0,
      expect.stringContaining('has expired already (2020-01-31)'),
    ]);
    expect((await exec('client', 'set', 'old', '--quota', '1GB')).stderr).toContain(past);
    expect((await exec('client', 'set', 'client1', '--expires', '2020-01-31')).stderr).toContain(past);
    expect((await exec('client', 'list')).stdout.match(/has expired/g)).toHaveLength(2);
    await writeFile(
      join(home, 'vans.yaml'),
      '- { id: a, expires: 2020-01-31 }\n- { id: b, expires: 2999-01-31 }\n',
    );
    expect((await exec('client', 'import', 'vans.yaml')).stderr).toContain('1 of them have expired already');
  });

  it('shows a label without what a terminal would obey', async () => {
    const { exec } = await cli();
    await exec('init', '--public', 'vps.example.org');
    await exec('client', 'set', 'client1', '--label', '\u001b[2J\u009b31m\r\nroot\u202e');
    const { stdout } = await exec('client', 'list');
    expect(stdout).toContain('"\\u001b[2J?31m\\r\\nroot?"');
    expect(stdout.trimEnd().split('\n').length).toBe(1);
  });

  it('imports a list, all or none of it, and prints the links of those without a key', async () => {
    const { exec, directory, home } = await cli();
    await exec('init', '--public', 'vps.example.org');
    const file = join(home, 'vans.yaml');
    const key = formatClientKey(new Uint8Array(32).fill(5));
    await writeFile(file, `- { id: van-1, quota: 10GB }\n- id: van-2\n  key: ${key}\n- id: client1\n`);
    const there = await exec('client', 'import', file);
    expect([there.code, there.stderr]).toEqual([
      2,
      expect.stringContaining('1 of these clients are there already (client1)'),
    ]);
    expect((await exec('client', 'list')).stdout.split('\n').length).toBe(2);
    const done = await exec('client', 'import', file, '--update');
    expect([done.code, done.stdout]).toEqual([0, expect.stringMatching(/^van-1\ttributary:\S+\n$/)]);
    const { clients } = await loadConcentratorConfig(join(directory, 'tributary-concentrator.yaml'));
    expect(clients.map(({ id }) => id)).toEqual(['client1', 'van-1', 'van-2']);
    expect(clients[1]!.quota?.bytes).toBe(1e10);
    await writeFile(file, `- id: "x'; DROP TABLE tributary_clients; --"\n`);
    expect((await exec('client', 'import', file)).stderr).toMatch(
      /vans.yaml:1:7: \[0\].id: expected a client name/,
    );
    await writeFile(file, `- id: "1001"\n- id: 1002\n`);
    expect((await exec('client', 'import', file)).stderr).toMatch(
      /vans.yaml:2:7: \[1\].id: expected a client name .*needs quotation marks/,
    );
    await writeFile(file, `- { quota: 1GB }\n`);
    expect((await exec('client', 'import', file)).stderr).toMatch(/vans.yaml:1:\d+: \[0\].id: expected/);
    await writeFile(file, `- id: van-9\n  quota: lots\n`);
    expect((await exec('client', 'import', file)).stderr).toMatch(
      /vans.yaml:2:\d+: \[0\].quota: expected a size/,
    );
    await writeFile(file, `- id: van-9\n- id: van-9\n`);
    expect((await exec('client', 'import', file)).stderr).toMatch(
      /vans.yaml:2:7: .*van-9 stands there twice/,
    );
  });

  it('imports a table', async () => {
    const { exec, directory, home } = await cli();
    await exec('init', '--public', 'vps.example.org');
    const key = formatClientKey(new Uint8Array(32).fill(5));
    const rules = '10.1.0.0/16,*.example.org:443 10.1.0.0/16';
    const table = [
      'id,label,key,quota,atQuota,rateLimit,expires,publish,allow,only',
      `van-1,"Van 1, ""Lyon""",,10GB,1Mbit/s,20Mbit/s,2999-01-31,443; 8000-8010,${rules}`,
      '',
      `van-2,"two\r\nlines",${key},,,,,,,`,
      'van-3,,,,,,,,,',
      // As spreadsheets write below a table.
      ',,, ,,,,,,',
      ',',
    ];
    await writeFile(join(home, 'vans.csv'), `\uFEFF${table.join('\r\n')}`);
    const done = await exec('client', 'import', 'vans.csv');
    expect([done.code, done.stderr]).toEqual([0, expect.stringContaining('3 clients are in')]);
    expect(done.stdout.split('\n').map((line) => line.split('\t')[0])).toEqual(['van-1', 'van-3', '']);
    const { clients } = await loadConcentratorConfig(join(directory, 'tributary-concentrator.yaml'));
    expect(clients[1]).toMatchObject({
      label: 'Van 1, "Lyon"',
      quota: { bytes: 10e9, whenUsedUp: { bytesPerSecond: 125_000 } },
      rateBytesPerSecond: 2_500_000,
      publish: [
        { from: 443, to: 443 },
        { from: 8000, to: 8010 },
      ],
      egress: {
        allow: [parseEgressRule('10.1.0.0/16')],
        only: [parseEgressRule('*.example.org:443'), parseEgressRule('10.1.0.0/16')],
      },
    });
    expect(clients[2]!.label).toBe('two\r\nlines');
    expect(Object.keys(clients[3]!).sort()).toEqual(['id', 'key']);
  });

  it.each([
    ['', 'vans.csv:1:1: the first line names the columns: id, key,'],
    ['label,quota\nx,1GB', 'there is no column "id"'],
    ['id,id\na,b', '"id" is none, or there twice'],
    ['id,price\na,b', '"price" is none, or there twice'],
    ['id,quota\na,1GB\nb', 'vans.csv:3:1: 1 fields stand here, and 2 columns'],
    ['id,quota\na,1GB\nb,1,2', 'vans.csv:3:1: 3 fields stand here, and 2 columns'],
    ['id,label\na,"b\nc,d', 'vans.csv:2:1: a quotation mark'],
    ['id,label\na,"b" c', 'vans.csv:2:1: a quotation mark'],
    ['id,label,quota\na,"b\nb",1GB\nc,,much', 'vans.csv:4:1: quota: expected a size'],
    ['id,only\na,no rule!', 'vans.csv:2:1: egress.only'],
    ['id\nb\na\na', 'vans.csv:4:1: id: the client a stands there twice'],
    ['id\nno name', 'vans.csv:2:1: id: expected a client name'],
    ['id,quota\n,1GB', 'vans.csv:2:1: id: expected a client name'],
  ])('says what is wrong with a table, and imports nothing of it: %j', async (text, message) => {
    const { exec, home } = await cli();
    await exec('init', '--public', 'vps.example.org');
    await writeFile(join(home, 'vans.csv'), text);
    const { code, stderr } = await exec('client', 'import', 'vans.csv');
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
    expect((await exec('client', 'list')).stdout.trim().split('\n')).toHaveLength(1);
  });

  it('keeps both keys of a client that is changing them, over an import without keys', async () => {
    const { exec, directory, home } = await cli();
    await exec('init', '--public', 'vps.example.org');
    await exec('client', 'rotate', 'client1');
    const clientsFile = join(directory, 'clients.yaml');
    const keyLines = async () => {
      const lines = (await readFile(clientsFile, 'utf8')).split('\n');
      return lines.filter((line) => /^ +(key|oldKey|created|rotated): /.test(line)).sort();
    };
    await writeFile(
      clientsFile,
      (await readFile(clientsFile, 'utf8')).replace('created: 2025', 'created: 2024'),
    );
    const before = await keyLines();
    expect(before.length).toBe(4);
    const file = join(home, 'vans.yaml');
    await writeFile(file, '- {id: client1, quota: 10GB}\n');
    const { code, stdout } = await exec('client', 'import', file, '--update');
    expect([code, stdout, await keyLines()]).toEqual([0, '', before]);
    expect((await exec('client', 'list')).stdout).toContain('10GB a month');
  });

  it('cannot make a link without knowing where clients connect', async () => {
    const { exec, directory } = await cli();
    await exec('init', '--public', 'vps.example.org');
    await writeFile(join(directory, 'tributary-concentrator.yaml'), '');
    const { code, stderr } = await exec('client', 'add', 'x');
    expect(code).toBe(2);
    expect(stderr).toContain('add "public: [HOST:PORT]" to');
    expect((await exec('client', 'list')).stdout).not.toContain('x ');
  });
});
