import { appendFile, chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { device, view } from '../network/views.ts';
import { cli, KEY, LINK } from './client-cli-bed.ts';

describe('tributary-client check', () => {
  it('checks a configuration without a concentrator, and dials nothing for it', async () => {
    let isTried = false;
    const { exec, file } = await cli({
      tryUplinks: () => {
        isTried = true;
        return Promise.resolve([]);
      },
    });
    await exec('join', LINK);
    await writeFile(file, `mode: direct\n${await readFile(file, 'utf8')}`);
    const { code, stdout, stderr } = await exec('check');
    expect([code, isTried]).toEqual([0, false]);
    expect(stdout).toMatch(/^mode +direct: no concentrator/m);
    expect(stdout).toMatch(/^found +wlan0: interface wlan0, up with 192.168.1.5$/m);
    expect(stdout).not.toMatch(/^(concentrator|client|pin|tried)/m);
    expect(stderr).toContain('warning: not used with mode: direct: concentrator, client');
  });

  it('says that connections may leave the tunnel', async () => {
    const { exec, file } = await cli();
    await exec('join', LINK);
    await writeFile(file, `${await readFile(file, 'utf8')}fallback: { after: 20s }\n`);
    expect((await exec('check')).stdout).toMatch(
      /^fallback +direct, outside of the tunnel, 20 s after it is lost$/m,
    );
  });

  it('shows the rules, and warns of those that name what is no uplink now', async () => {
    const { exec, file } = await cli();
    await exec('join', LINK);
    const rules = 'steering: { default: redundant, rules: [{ port: 22, uplinks: [eth0, wwan7] }] }\n';
    await writeFile(file, (await readFile(file, 'utf8')) + rules);
    const { code, stdout, stderr } = await exec('check');
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^found +eth0: (.*\n)+steering +redundant\nrule +port 22: redundant, only over eth0, wwan7$/m,
    );
    expect(stderr).toContain('steering names what is no uplink now: wwan7;');
  });

  it('says which uplinks are turned off', async () => {
    const { exec, file } = await cli();
    await exec('join', LINK);
    const list = '[{ name: lte, interface: eth0, enabled: false }, { name: wifi, interface: wlan0 }]';
    await writeFile(file, (await readFile(file, 'utf8')).replace(/^uplinks:[\s\S]*$/m, `uplinks: ${list}\n`));
    const { stdout, stderr } = await exec('check');
    expect([stderr, stdout.match(/^uplink .*$/gm)]).toEqual([
      '',
      [
        expect.stringMatching(/^uplink +lte: interface eth0, up with .*, turned off$/),
        expect.stringMatching(/^uplink +wifi: interface wlan0, up with [^,]*$/),
      ],
    ]);
  });

  it('says that others can read the key', async () => {
    const { exec, file } = await cli();
    await exec('join', LINK);
    const keyFile = join(dirname(file), 'k');
    await writeFile(keyFile, `${KEY}\n`, { mode: 0o644 });
    await writeFile(file, (await readFile(file, 'utf8')).replace(`key: "${KEY}"`, 'keyFile: k'));
    const { code, stderr } = await exec('check');
    expect(code).toBe(0);
    expect(stderr).toContain(`chmod 600 ${keyFile}`);
  });

  it('says which uplinks are there, which are found, and why others are not', async () => {
    const { exec, file } = await cli();
    await exec('join', LINK);
    await writeFile(
      file,
      `${await readFile(file, 'utf8')}
  exclude: [docker0]
  settings: [{ match: "wlan*", backup: true }]
  list:
    - { name: lte, interface: wwan0, backup: true }
    - { name: here, address: "2001:DB8:0::5" }
    - { name: gone, address: 10.0.0.77 }
    - { name: via, proxy: "socks5://user:hunter2@127.0.0.1:9" }
`,
    );
    await chmod(file, 0o644);
    const { code, stdout, stderr } = await exec('check');
    expect(code).toBe(0);
    expect(stdout.split('\n').filter((line) => /^(uplink|found|left out)/.test(line))).toEqual([
      'uplink        lte: interface wwan0, missing, backup',
      'uplink        here: address 2001:DB8:0::5, on eth0',
      'uplink        gone: address 10.0.0.77, missing',
      'uplink        via: proxy 127.0.0.1:9, with user and password',
      'found         wlan0: interface wlan0, up with 192.168.1.5, backup',
      'left out      lo: the loopback interface',
      'left out      eth0: uplink here of the list uses it',
      'left out      docker0: excluded by "docker0"',
      'left out      wg0: virtual, by its name',
    ]);
    expect(stdout).toContain('binding       by interface is available');
    expect(stderr).toContain('not there now: lte, gone;');
    expect(stderr).toContain('chmod 600');
    expect(stdout + stderr).not.toMatch(new RegExp(`hunter2|${KEY}`));
  });

  it('says where applications connect, and who may', async () => {
    const { exec, file } = await cli();
    await exec('join', LINK);
    const joined = await readFile(file, 'utf8');
    const write = (listen: string, allow: string) =>
      writeFile(file, joined.replace(/^ {2}listen: .*$/m, `  listen: ${listen}\n  allow: ${allow}`));
    await write(
      '["127.0.0.1:1080", "192.168.9.1:1080", "unix:/run/tributary/socks", systemd]',
      '192.168.9.0/24',
    );
    const narrow = await exec('check');
    expect(narrow.stdout.split('\n').filter((line) => line.startsWith('socks'))).toEqual([
      'socks         127.0.0.1:1080, without users',
      'socks         192.168.9.1:1080, from 192.168.9.0/24, without users',
      'socks         unix:/run/tributary/socks, mode 0600, without users',
      'socks         systemd, from 192.168.9.0/24, without users',
    ]);
    expect(narrow.stderr).not.toContain('socks.allow');
    await write('"0.0.0.0:1080"', '[0.0.0.0/0]');
    expect((await exec('check')).stderr).toContain(
      'warning: socks.allow has every address, and there are no users',
    );
  });

  it('warns of numbers that are for experiments', async () => {
    const { exec, file } = await cli();
    await exec('join', LINK);
    expect((await exec('check')).stderr).not.toContain('tuning');
    await appendFile(file, 'tuning: { receipts.intervalMs: 7, ping.intervalMs: 500 }\n');
    const { code, stderr } = await exec('check');
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /^warning: tuning is for experiments.*: receipts.intervalMs=7, ping.intervalMs=500$/m,
    );
  });

  it('tells an interface that is down from one that is not there', async () => {
    const network = view(device('eth0'), device('wwan0', { isUp: false, addresses: [] }));
    const { exec, file } = await cli({ readNetwork: () => Promise.resolve(network) });
    await exec('join', LINK);
    const list = '[{ name: lte, interface: wwan0 }, { name: usb, interface: usb0 }]';
    await writeFile(file, `${await readFile(file, 'utf8')}\n  list: ${list}\n`);
    const { stdout, stderr } = await exec('check');
    expect(stdout).toContain(
      'uplink        lte: interface wwan0, its interface is down; `ip link set dev wwan0 up`\n',
    );
    expect(stdout).toContain('uplink        usb: interface usb0, missing\n');
    expect(stderr).toContain('not there now: usb;');
  });

  it('says that an uplink cannot reach the concentrator for its address family', async () => {
    const { exec, file } = await cli();
    await exec('join', LINK.replace('vps.example.org:8443,', ''));
    const list = '[{ name: four, address: 192.168.1.5 }, { name: six, address: "2001:db8::5" }]';
    await writeFile(file, `${await readFile(file, 'utf8')}\n  list: ${list}\n`);
    const { stdout } = await exec('check');
    expect(stdout).toContain(
      'uplink        four: address 192.168.1.5, on wlan0, cannot reach concentrator.addresses, which are of the other family\n',
    );
    expect(stdout).toContain('uplink        six: address 2001:db8::5, on eth0\n');
  });

  it('says how connections are steered', async () => {
    const { exec, file } = await cli();
    await exec('join', LINK);
    await writeFile(
      file,
      `${await readFile(file, 'utf8')}steering:
  default: { mode: priority, order: [wlan0, eth0] }
  rules:
    - { host: [a.test, b.test, c.test, d.test], port: "80-81", direct: eth0 }
    - { port: 22, mode: interactive, maxRtt: 250ms, maxLoss: 2%, uplinks: [eth0] }
    - { block: true }
`,
    );
    const { stdout } = await exec('check');
    expect(stdout.split('\n').filter((line) => /^(steering|rule) /.test(line))).toEqual([
      'steering      priority, wlan0 before eth0',
      'rule          a.test, b.test, c.test and 1 more port 80-81: direct over eth0',
      'rule          port 22: lowest-latency, at most 250 ms, at most 2 % lost, only over eth0',
      'rule          everything: blocked',
    ]);
  });

  it('says what metered uplinks have used', async () => {
    const { exec, file, home } = await cli({ now: () => new Date('2026-11-23T12:00Z') });
    await exec('join', LINK);
    const metered = '{ daily: 100MB, monthly: 20GB, billingDay: 12, timeZone: UTC, rateLimit: 10Mbit/s }';
    await writeFile(
      file,
      `${await readFile(file, 'utf8')}  list: [{ name: lte, interface: wwan0, metered: ${metered} }]
  settings: [{ match: wlan0, metered: { daily: 1GB, timeZone: UTC, atCap: stop } }]\n`,
    );
    const directory = join(home, '.local/state/tributary');
    const usageFile = join(directory, 'metered-usage.json');
    const lines = async () => {
      const { stdout, stderr } = await exec('check');
      return { lines: stdout.split('\n').filter((line) => /^(metered|usage)/.test(line)), stderr };
    };
    const found =
      'metered       wlan0: 0 B of 1 GB today (0 %), 0 B since 2026-11-01, at the daily cap: stop';
    const rate = 'at most 10Mbit/s down, at most 10Mbit/s up, at the daily or monthly cap: backup';
    expect((await lines()).lines).toEqual([
      `metered       lte: 0 B of 100 MB today (0 %), 0 B of 20 GB since 2026-11-12 (0 %), ${rate}`,
      found,
      `usage         ${usageFile}, not written yet`,
    ]);
    const period = (from: string, until: string, receivedBytes: number) => ({
      from: `${from}T00:00:00.000Z`,
      until: `${until}T00:00:00.000Z`,
      sentBytes: 1_000_000,
      receivedBytes,
      warned: false,
    });
    const lte = {
      day: period('2026-11-22', '2026-11-23', 99e6),
      month: period('2026-11-12', '2026-12-12', 17_199e6),
    };
    await mkdir(directory, { recursive: true });
    await writeFile(usageFile, JSON.stringify({ version: 1, uplinks: { lte } }));
    expect((await lines()).lines).toEqual([
      `metered       lte: 0 B of 100 MB today (0 %), 17.2 GB of 20 GB since 2026-11-12 (86 %), ${rate}`,
      found,
      `usage         ${usageFile}`,
    ]);
    expect((await exec('usage')).stdout).toBe(
      `lte: 0 B of 100 MB today (0 %), 17.2 GB of 20 GB since 2026-11-12 (86 %), ${rate}\n` +
        `${found.replace(/^metered +/, '')}\nkept in ${usageFile}\n`,
    );
    await writeFile(usageFile, '{');
    expect((await lines()).stderr).toContain('set it aside and count anew');
    expect(await readFile(usageFile, 'utf8')).toBe('{');
  });

  it('warns of a time zone that caps would not follow', async () => {
    const { exec, file } = await cli({ env: { TZ: 'CET-1CEST,M3.5.0,M10.5.0/3' } });
    await exec('join', LINK);
    await writeFile(file, `${await readFile(file, 'utf8')}  settings: [{ match: "e*", metered: {} }]\n`);
    expect((await exec('check')).stderr).toContain(
      'warning: TZ=CET-1CEST,M3.5.0,M10.5.0/3 is no name of a time zone',
    );
  });

  it('warns when uplinks cannot be bound', async () => {
    const joined = await cli();
    await joined.exec('join', LINK);
    const text = await readFile(joined.file, 'utf8');
    await writeFile(joined.file, `${text}\n  list: [{ name: lan, interface: eth0 }]\n`);
    const { exec } = await cli({
      interfaceBinding: () => ({ available: false, reason: 'koffi is not installed' }),
    });
    const { stdout, stderr } = await exec('check', '--config', joined.file);
    expect(stdout).toContain('by interface is not available: koffi is not installed');
    expect(stderr).toContain('give them an "address" instead');
  });
});
