import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadClientConfig } from '../../../client-proxy/config/load-client-config.ts';
import type { NetworkView } from '../../../client-proxy/network/network-view.ts';
import { cli, interfaces, KEY, LINK, machine, PIN } from './client-cli-bed.ts';

describe('tributary-client join', () => {
  it('writes a private configuration that uses what is found', async () => {
    const { exec, file } = await cli();
    const { code, stdout, stderr } = await exec('join', LINK);
    expect([code, stdout]).toEqual([0, '']);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await loadClientConfig(file)).toMatchObject({
      concentrator: {
        addresses: [
          { host: 'vps.example.org', port: 8443 },
          { host: '2001:db8::1', port: 443 },
        ],
        pins: [{ text: PIN }],
      },
      client: { id: 'laptop', key: Buffer.from(KEY, 'base64url') },
      socks: { listen: [{ host: '127.0.0.1', port: 1080 }], users: [] },
      uplinks: [],
      autoUplinks: { all: true, include: [], exclude: [], settings: [] },
    });
    expect(await readFile(file, 'utf8')).toContain('#   wlan0 (192.168.1.5)\n');
    expect(stderr).toContain('Uplink found: eth0 (10.0.0.5, 2001:db8::5)');
    expect(stderr).not.toContain(KEY);
  });

  it('writes examples that hold once their comment signs are taken off', async () => {
    const { exec, file } = await cli();
    await exec('join', LINK);
    await writeFile(file, (await readFile(file, 'utf8')).replaceAll(/^ {2}# (?=( {2})?(-|\w+:.*$))/gm, '  '));
    expect(await loadClientConfig(file)).toMatchObject({
      uplinks: [{ name: 'neighbour' }],
      autoUplinks: {
        exclude: ['eth1', 'usb*'],
        include: ['tun0'],
        settings: [{ match: 'wwan*', backup: true }],
      },
    });
  });

  it('says so where interfaces cannot be bound to', async () => {
    const { exec } = await cli({ interfaceBinding: () => ({ available: false, reason: 'not on Linux' }) });
    expect((await exec('join', LINK)).stderr).toContain('bound by address, since');
    expect((await exec('check')).stdout).toContain('found         wlan0: address 192.168.1.5, on wlan0');
  });

  it('includes by name the way out of a container, where nothing is hardware', async () => {
    const inside = (name: string, routes: NetworkView['interfaces'][0]['routes']) => ({
      ...{ name, index: 2, kind: 'veth', isUp: true, hasCarrier: true },
      ...{ addresses: ['172.17.0.2'], routes },
    });
    const { exec, file } = await cli({
      readNetwork: () => Promise.resolve({ interfaces: [inside('eth0', [4]), inside('eth1', [])] }),
    });
    expect((await exec('join', LINK)).stderr).toContain('Uplink found: eth0 (172.17.0.2)');
    expect((await loadClientConfig(file)).autoUplinks?.include).toEqual(['eth0']);
  });

  it('says what to do with one uplink, and with none', async () => {
    const one = await cli(machine(interfaces({ eth0: ['10.0.0.5'] })));
    const { code, stderr } = await one.exec('join', LINK);
    expect(code).toBe(0);
    expect(stderr).toContain('With a single uplink there is nothing to aggregate');
    const none = await cli(machine(interfaces({ lo: ['127.0.0.1'], tun0: ['10.8.0.2'] })));
    const result = await none.exec('join', LINK);
    expect(result.code).toBe(0);
    expect(result.stderr).toContain('No uplink found on this machine');
    const checked = await none.exec('check');
    expect(checked.stdout).toContain('left out      tun0: virtual, by its name');
    expect(checked.stderr).toContain('no interface is an uplink now');
  });

  it('leaves a configuration with mistakes alone, unless --force', async () => {
    const { exec, file } = await cli();
    await exec('join', LINK);
    await writeFile(file, 'mine');
    const refused = await exec('join', LINK);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('expected a map of keys and values');
    expect(await readFile(file, 'utf8')).toBe('mine');
    expect((await exec('join', LINK, '--force')).code).toBe(0);
    expect((await loadClientConfig(file)).client.id).toBe('laptop');
  });

  it('asks for a password where others can reach the proxy', async () => {
    const { exec, home } = await cli();
    const { code, stderr } = await exec('join', LINK, '--socks', '0.0.0.0:1081', '--config', 'c.yaml');
    expect(code).toBe(0);
    const { socks } = await loadClientConfig(join(home, 'c.yaml'));
    expect(socks).toMatchObject({
      listen: [{ host: '0.0.0.0', port: 1081 }],
      users: [{ name: 'tributary' }],
    });
    expect(socks.users[0]?.password).toHaveLength(24);
    expect(stderr).toContain('see socks.users there');
    expect(stderr).not.toContain(socks.users[0]?.password);
  });

  it.each([
    [['join'], 'no link was given'],
    [['join', LINK, '--link-file', 'l'], 'give the link in one way'],
    [['join', '--link-file', 'absent'], 'there is no such file'],
    [['join', LINK, '--update'], 'Make one with: tributary-client join'],
    [['join', LINK.slice(0, -5)], 'after "pin=" expected a certificate pin'],
    [['join', LINK, '--socks', '1080'], '--socks expects ADDRESS:PORT'],
    [['join', 'vps.example.org'], 'it must start with "tributary://"'],
    [[LINK], 'unknown command: there are join, leave, check'],
    [['jion', LINK], 'did you mean "join"?'],
    [['check', LINK], 'too many arguments'],
    [[`--${LINK}`], 'unknown option'],
    [['check'], 'Make one with: tributary-client join (it asks'],
  ])('%# is refused, without showing the key', async (args, message) => {
    const { exec } = await cli();
    const { code, stdout, stderr } = await exec(...args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain(KEY);
  });
});

describe('tributary-client', () => {
  it('joins and checks where the system does not tell its network, and says what to do', async () => {
    const { exec, file } = await cli({
      networkInterfaces: () => {
        throw new Error('uv_interface_addresses');
      },
      readNetwork: () => Promise.reject(new Error('this system does not tell its network interfaces')),
    });
    expect((await exec('join', LINK)).stderr).toContain('No uplink found: this system does not tell');
    expect((await exec('check')).stderr).toContain('warning: this system does not tell');
    const list = '[{ name: lte, interface: wwan0 }, { name: here, address: 10.0.0.5 }]';
    await writeFile(file, (await readFile(file, 'utf8')).replace(/^uplinks:[\s\S]*$/m, `uplinks: ${list}\n`));
    const { code, stdout, stderr } = await exec('check');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('uplink        lte: interface wwan0\nuplink        here: address 10.0.0.5\n');
  });

  it('says what a plan has used, with its uplinks, and what is kept by their names', async () => {
    const { exec, file, home } = await cli({ now: () => new Date('2026-11-23T12:00Z') });
    await exec('join', LINK);
    expect((await exec('usage')).stdout).toBe('no uplink is metered, and none belongs to a plan\n');
    const settings = '[{ match: "e*", metered: { monthly: 20MB, timeZone: UTC, atCap: stop } }]';
    await writeFile(file, `${await readFile(file, 'utf8')}  settings: ${settings}\n`);
    const period = (from: string, until: string) => ({
      from: `${from}T00:00:00.000Z`,
      until: `${until}T00:00:00.000Z`,
      sentBytes: 0,
      receivedBytes: 15e6,
      warned: false,
    });
    const kept = { day: period('2026-11-23', '2026-11-24'), month: period('2026-11-01', '2026-12-01') };
    const usageFile = join(home, '.local/state/tributary/metered-usage.json');
    await mkdir(dirname(usageFile), { recursive: true });
    await writeFile(
      usageFile,
      JSON.stringify({ version: 1, uplinks: { enx001122334455: kept, usb0: kept } }),
    );
    const said = 'today, 15 MB of 20 MB since 2026-11-01 (75 %), at the monthly cap: stop';
    const stray =
      'warning: 15 MB of this month are kept for usb0, which is no plan now, so that no cap counts them: say "plan: usb0" where it goes on\n';
    expect(await exec('usage')).toEqual({
      code: 0,
      stdout: `e* (eth0): 15 MB ${said}\nkept in ${usageFile}\n`,
      stderr: stray,
    });
    expect((await exec('check')).stderr).toContain(stray);
    // As it is kept where the entry named no plan.
    await writeFile(usageFile, JSON.stringify({ version: 1, uplinks: { 'e*': kept } }));
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace('match: "e*"', 'match: "e*", plan: alpha'));
    expect(await exec('usage')).toEqual({
      code: 0,
      stdout: `alpha (eth0): 15 MB ${said}\nkept in ${usageFile}\n`,
      stderr: '',
    });
  });

  it('runs with the configuration found, and reports a failure', async () => {
    const { exec, file } = await cli({
      run: ({ client }) => Promise.reject(new Error(`${client.id} cannot reach socks5://user:hunter2@host`)),
    });
    await exec('join', LINK);
    expect(await exec('--config', file)).toEqual({
      code: 1,
      stdout: '',
      stderr: 'tributary-client: laptop cannot reach socks5://[redacted]@host\n',
    });
  });

  it('knows its version and helps', async () => {
    const { exec } = await cli();
    expect(await exec('--version')).toEqual({ code: 0, stdout: '1.2.3\n', stderr: '' });
    expect((await exec('--help')).stdout).toContain('First steps');
    expect((await exec('help', 'join')).stdout).toContain('--socks <address:port>');
  });
});
