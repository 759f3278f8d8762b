import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import type { NetworkInterfaceInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildClientCli } from '../../../client-proxy/cli/client-cli.ts';
import type { ClientCliDeps } from '../../../client-proxy/cli/client-cli-deps.ts';
import { discoverUplinks, type NetworkInterfaces } from '../../../client-proxy/cli/uplink-discovery.ts';
import { loadClientConfig } from '../../../client-proxy/config/load-client-config.ts';
import { commandLineDeps } from '../../config/command-line-deps.ts';

const KEY = 'c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I';
const PIN = `sha256:${'A'.repeat(43)}`;
const LINK = `tributary://laptop:${KEY}@vps.example.org:8443,[2001:db8::1]:443/?pin=${PIN}`;

function address(text: string): NetworkInterfaceInfo {
  const base = {
    address: text,
    netmask: '',
    mac: '',
    internal: text === '127.0.0.1' || text === '::1',
    cidr: null,
  };
  return text.includes(':') ? { ...base, family: 'IPv6', scopeid: 0 } : { ...base, family: 'IPv4' };
}

function interfaces(table: Record<string, string[]>): NetworkInterfaces {
  return Object.fromEntries(Object.entries(table).map(([name, texts]) => [name, texts.map(address)]));
}

const LAPTOP = interfaces({
  lo: ['127.0.0.1', '::1'],
  eth0: ['fe80::1', '2001:db8::5', '10.0.0.5'],
  wlan0: ['192.168.1.5'],
  docker0: ['172.17.0.1'],
  wg0: ['10.9.0.2'],
});

async function cli(overrides: Partial<ClientCliDeps> = {}) {
  const { deps, home, take } = await commandLineDeps();
  const call = buildClientCli({
    ...deps,
    networkInterfaces: () => LAPTOP,
    interfaceBinding: () => ({ available: true }),
    run: () => Promise.resolve(),
    ...overrides,
  });
  const file = join(home, '.config', 'tributary', 'tributary-client.yaml');
  const exec = async (...args: string[]) => ({ code: await call(args), ...take() });
  return { exec, home, file };
}

describe('the discovery of uplinks', () => {
  it('leaves out loopback, containers, bridges of them, tunnels and what has no address that packets come back to', () => {
    const found = discoverUplinks(
      interfaces({
        lo: ['127.0.0.1'],
        eth0: ['10.0.0.5'],
        'eth0.5': ['100.64.0.2'],
        enp3s0: ['fe80::1', '169.254.1.1'],
        wwan0: ['fd00::7'],
        ppp0: ['198.51.100.3'],
        br0: ['192.168.0.2'],
        en7: ['2001:db8::1', '172.16.0.9'],
        'br-0a1b2c': ['172.18.0.1'],
        veth12ab: ['169.254.0.1', '10.1.1.1'],
        docker0: ['172.17.0.1'],
        virbr0: ['192.168.122.1'],
        tun0: ['10.8.0.2'],
        tap0: ['10.8.1.2'],
        tailscale0: ['100.100.1.1'],
        utun3: ['10.7.0.1'],
        'eth0:1': ['10.0.0.6'],
      }),
    );
    expect(found).toEqual([
      { interface: 'eth0', addresses: ['10.0.0.5'] },
      { interface: 'eth0.5', addresses: ['100.64.0.2'] },
      { interface: 'wwan0', addresses: ['fd00::7'] },
      { interface: 'ppp0', addresses: ['198.51.100.3'] },
      { interface: 'br0', addresses: ['192.168.0.2'] },
      { interface: 'en7', addresses: ['172.16.0.9', '2001:db8::1'] },
    ]);
  });
});

describe('tributary-client join', () => {
  it('writes a private configuration with the uplinks found', async () => {
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
        pin: { text: PIN },
      },
      client: { id: 'laptop', key: Buffer.from(KEY, 'base64url') },
      socks: { listen: { host: '127.0.0.1', port: 1080 }, users: [] },
      uplinks: [
        { name: 'eth0', binding: { kind: 'interface', interface: 'eth0' } },
        { name: 'wlan0', binding: { kind: 'interface', interface: 'wlan0' } },
      ],
    });
    expect(stderr).toContain('Uplink found: eth0 (10.0.0.5, 2001:db8::5)');
    expect(stderr).not.toContain(KEY);
  });

  it('binds by address where interfaces cannot be bound to', async () => {
    const { exec, file } = await cli({
      networkInterfaces: () => interfaces({ 'Wi-Fi 2': ['192.168.1.5'], 'Wi-Fi-2': ['10.0.0.5', 'fd00::1'] }),
      interfaceBinding: () => ({ available: false, reason: 'not on Linux' }),
    });
    const { stderr } = await exec('join', LINK);
    expect(stderr).toContain('not available: not on Linux');
    expect((await loadClientConfig(file)).uplinks).toMatchObject([
      { name: 'Wi-Fi-2', binding: { kind: 'address', address: '192.168.1.5' } },
      { name: 'Wi-Fi-2-2', binding: { kind: 'address', address: '10.0.0.5' } },
    ]);
  });

  it('says what to do with one uplink, and with none', async () => {
    const one = await cli({ networkInterfaces: () => interfaces({ eth0: ['10.0.0.5'] }) });
    const { code, stderr } = await one.exec('join', LINK);
    expect(code).toBe(0);
    expect(stderr).toContain('With a single uplink there is nothing to aggregate');
    const none = await cli({ networkInterfaces: () => interfaces({ lo: ['127.0.0.1'] }) });
    const result = await none.exec('join', LINK);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain(
      'no uplink found on this machine: connect one, then add it under "uplinks"',
    );
    expect((await none.exec('check')).stderr).toMatch(/uplinks: expected at least 1 entry/);
  });

  it('refuses to replace a configuration, unless --force', async () => {
    const { exec, file } = await cli();
    await exec('join', LINK);
    await writeFile(file, 'mine');
    const refused = await exec('join', LINK);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('--force replaces it');
    expect(await readFile(file, 'utf8')).toBe('mine');
    expect((await exec('join', LINK, '--force')).code).toBe(0);
    expect((await loadClientConfig(file)).client.id).toBe('laptop');
  });

  it('asks for a password where others can reach the proxy', async () => {
    const { exec, home } = await cli();
    const { code, stderr } = await exec('join', LINK, '--socks', '0.0.0.0:1081', '--config', 'c.yaml');
    expect(code).toBe(0);
    const { socks } = await loadClientConfig(join(home, 'c.yaml'));
    expect(socks).toMatchObject({ listen: { host: '0.0.0.0', port: 1081 }, users: [{ name: 'tributary' }] });
    expect(socks.users[0]?.password).toHaveLength(24);
    expect(stderr).toContain('see socks.users there');
    expect(stderr).not.toContain(socks.users[0]?.password);
  });

  it.each([
    [['join'], "missing required argument 'link'"],
    [['join', LINK.slice(0, -5)], 'after "pin=" expected a certificate pin'],
    [['join', LINK, '--socks', '1080'], '--socks expects ADDRESS:PORT'],
    [['join', 'vps.example.org'], 'it must start with "tributary://"'],
    [[LINK], 'unknown command: there are join, check'],
    [['jion', LINK], 'did you mean "join"?'],
    [['check', LINK], 'too many arguments'],
    [[`--${LINK}`], 'unknown option'],
    [['check'], 'Make one with: tributary-client join LINK'],
  ])('%# is refused, without showing the key', async (args, message) => {
    const { exec } = await cli();
    const { code, stdout, stderr } = await exec(...args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain(KEY);
  });
});

describe('tributary-client', () => {
  it('checks: says that others can read the key', async () => {
    const { exec, file } = await cli();
    await exec('join', LINK);
    const keyFile = join(dirname(file), 'k');
    await writeFile(keyFile, `${KEY}\n`, { mode: 0o640 });
    await writeFile(file, (await readFile(file, 'utf8')).replace(`key: "${KEY}"`, 'keyFile: k'));
    const { code, stderr } = await exec('check');
    expect(code).toBe(0);
    expect(stderr).toContain(`chmod 600 ${keyFile}`);
  });

  it('checks: says which uplinks are there', async () => {
    const { exec, file } = await cli();
    await exec('join', LINK);
    await writeFile(
      file,
      `${await readFile(file, 'utf8')}  - { name: lte, interface: wwan0, backup: true }
  - { name: here, address: "2001:DB8:0::5" }
  - { name: gone, address: 10.0.0.77 }
  - { name: via, proxy: "socks5://user:hunter2@127.0.0.1:9" }
`,
    );
    await chmod(file, 0o644);
    const { code, stdout, stderr } = await exec('check');
    expect(code).toBe(0);
    expect(stdout.split('\n').filter((line) => line.startsWith('uplink'))).toEqual([
      'uplink        eth0: interface eth0, up with fe80::1, 2001:db8::5, 10.0.0.5',
      'uplink        wlan0: interface wlan0, up with 192.168.1.5',
      'uplink        lte: interface wwan0, missing, backup',
      'uplink        here: address 2001:DB8:0::5, on eth0',
      'uplink        gone: address 10.0.0.77, missing',
      'uplink        via: proxy 127.0.0.1:9, with user and password',
    ]);
    expect(stdout).toContain('binding       by interface is available');
    expect(stderr).toContain('not there now: lte, gone;');
    expect(stderr).toContain('chmod 600');
    expect(stdout + stderr).not.toMatch(new RegExp(`hunter2|${KEY}`));
  });

  it('checks: says how connections are steered', async () => {
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

  it('warns when uplinks cannot be bound', async () => {
    const joined = await cli();
    await joined.exec('join', LINK);
    const { exec } = await cli({
      interfaceBinding: () => ({ available: false, reason: 'koffi is not installed' }),
    });
    const { stdout, stderr } = await exec('check', '--config', joined.file);
    expect(stdout).toContain('by interface is not available: koffi is not installed');
    expect(stderr).toContain('give them an "address" instead');
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
