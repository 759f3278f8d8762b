import { appendFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { buildClientCli } from '../../../client-proxy/cli/client-cli.ts';
import { PacketFilterError } from '../../../client-proxy/transparent/packet-filter.ts';
import type { RedirectSystem } from '../../../client-proxy/transparent/redirect-system.ts';
import { commandLineDeps } from '../../config/command-line-deps.ts';
import { temporaryFile } from '../../config/temporary-directory.ts';
import { NO_TERMINAL } from '../../support/no-terminal.ts';
import { EMPTY_REDIRECT_SYSTEM } from '../../support/redirect-system.ts';
import { cli as anyClient, LINK } from './client-cli-bed.ts';

const BOTH = 'transparent: { listen: ["0.0.0.0:12345", "[::]:12345"] }';

async function cli(section = BOTH, system: Partial<RedirectSystem> = {}) {
  const { deps, take } = await commandLineDeps();
  const scripts: string[] = [];
  const routed: string[] = [];
  const unused = () => {
    throw new Error('not for this command');
  };
  const config = await temporaryFile(
    'c.yaml',
    `concentrator: { addresses: ["vps.example.org:8443", "[2001:db8::1]:443"], pin: "sha256:${'A'.repeat(43)}" }
client: { id: laptop, key: ${'A'.repeat(43)} }
uplinks: auto
${section}
`,
  );
  const call = buildClientCli({
    ...deps,
    input: { isTerminal: false, readText: unused, ask: unused },
    terminal: NO_TERMINAL,
    networkInterfaces: unused,
    readNetwork: unused,
    interfaceBinding: unused,
    nativeSockets: unused,
    tryUplinks: unused,
    speedTest: unused,
    ownCommand: [],
    run: unused,
    redirectSystem: async () => ({
      ...EMPTY_REDIRECT_SYSTEM,
      changePacketFilter: async (script) => void scripts.push(script),
      setPolicyRouting: async (families) => void routed.push(families.join()),
      addressesOf: () => Promise.resolve(['203.0.113.5']),
      listeningUser: () => Promise.resolve(997),
      userId: (name) => Promise.resolve(name === 'tributary' ? 990 : undefined),
      ...system,
    }),
  });
  const exec = async (...args: string[]) => ({
    code: await call(['transparent', '--config', config, ...args]),
    ...take(),
  });
  return { exec, scripts, routed };
}

it('takes the routing back also where the rules cannot be taken back', async () => {
  const { exec, routed } = await cli('', {
    changePacketFilter: () => Promise.reject(new PacketFilterError('nft is not there')),
  });
  const { code, stdout, stderr } = await exec('--remove');
  expect([code, stdout, routed]).toEqual([1, '', ['']]);
  expect(stderr).toContain('nft is not there');
});

it('prints the rules, which leave out private networks and the concentrator', async () => {
  const { exec, scripts } = await cli();
  const { code, stdout, stderr } = await exec(
    '--print',
    '--lan',
    'lan0',
    'lan1',
    '--except',
    '198.51.100.0/24',
  );
  expect([code, stderr, scripts]).toEqual([0, '', []]);
  expect(stdout).toContain('iifname { "lan0", "lan1" } jump lan_tcp');
  for (const usual of ['192.168.0.0/16', 'fc00::/7', '203.0.113.5', '2001:db8::1', '198.51.100.0/24']) {
    expect(stdout).toContain(usual);
  }
  expect(stdout).not.toContain('hook output');
});

it('redirects to private networks where that is wanted', async () => {
  const { exec } = await cli();
  const { stdout } = await exec('--print', '--local', '--private');
  expect(stdout).not.toContain('192.168.0.0/16');
  expect(stdout).toContain('meta skuid 997 accept');
});

it('applies what it prints, and takes it back', async () => {
  const { exec, scripts } = await cli();
  const options = ['--lan', 'lan0', '--local', '--refuse-quic'];
  const { stdout: printed } = await exec('--print', ...options);
  const { code, stdout } = await exec('--apply', ...options);
  expect([code, stdout]).toEqual([
    0,
    'redirected to 0.0.0.0:12345, [::]:12345: TCP from lan0; TCP of this machine, except of user 997\n',
  ]);
  expect(await exec('--remove')).toMatchObject({ code: 0, stdout: 'the rules are removed\n' });
  expect(scripts).toEqual([printed, 'table inet tributary_redirect\ndelete table inet tributary_redirect\n']);
});

it('by TPROXY routes marked packets, too, and only as long as it is wanted', async () => {
  const { exec, scripts, routed } = await cli();
  const options = ['--lan', 'lan0', '--local', '--tproxy'];
  const { stdout: printed } = await exec('--print', ...options);
  expect(printed).toContain('tproxy ip to :12345');
  expect(printed).not.toContain('redirect to');
  const [rules = '', commands = ''] = printed.split('# TPROXY needs these commands');
  expect(commands.split('\n').filter((line) => line.startsWith('#   ip -'))).toHaveLength(4);
  await exec('--apply', ...options);
  await exec('--apply', '--lan', 'lan0');
  await exec('--remove');
  expect([scripts[0], routed]).toEqual([rules, ['4,6', '', '']]);
});

it('by TPROXY leads UDP, too, and says so', async () => {
  const { exec } = await cli();
  const { stdout } = await exec('--apply', '--lan', 'lan0', '--tproxy', '--udp');
  expect(stdout).toBe('redirected to 0.0.0.0:12345, [::]:12345: TCP and UDP from lan0\n');
  expect((await exec('--print', '--lan', 'lan0', '--tproxy', '--udp')).stdout).toContain(
    'meta l4proto udp tproxy',
  );
});

it.each([
  ['without TPROXY', BOTH, ['--udp'], 'add --tproxy'],
  ['that is refused', BOTH, ['--tproxy', '--udp', '--refuse-quic'], 'take out --refuse-quic'],
  ['that the client does not take', `${BOTH}\ndatagrams: false`, ['--tproxy', '--udp'], 'datagrams, false'],
])('leads no UDP %s', async (_, config, options, expected) => {
  const { exec, scripts } = await cli(config);
  const { code, stderr } = await exec('--apply', '--lan', 'lan0', ...options);
  expect([code === 0, stderr.includes(expected), scripts]).toEqual([false, true, []]);
});

it('by TPROXY leads a network to a loopback address, and takes its rules back where packets cannot be routed', async () => {
  const setPolicyRouting = () => Promise.reject(new PacketFilterError('no routing'));
  const { exec, scripts } = await cli('transparent: { listen: "127.0.0.1:1" }', { setPolicyRouting });
  expect(await exec('--apply', '--lan', 'lan0', '--tproxy')).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^note: --lan: IPv6 .*\ntributary-client: no routing\n$/),
  });
  expect(scripts).toEqual([
    expect.stringContaining('tproxy ip to 127.0.0.1:1'),
    'table inet tributary_redirect\ndelete table inet tributary_redirect\n',
  ]);
});

it.each([
  ['990', 'tributary'],
  ['1234', '1234'],
])('knows the user %s by --user %s', async (id, user) => {
  const { exec } = await cli(BOTH, { listeningUser: () => Promise.resolve(undefined) });
  expect((await exec('--print', '--local', '--user', user)).stdout).toContain(`meta skuid ${id} accept`);
});

it.each([
  [
    'a family without an address',
    'transparent: { listen: "0.0.0.0:1" }',
    {},
    '--lan: IPv6 goes its usual way',
  ],
  [
    'a client that runs as root',
    BOTH,
    { listeningUser: () => Promise.resolve(0) },
    'the client runs as root',
  ],
  [
    'a name without addresses',
    BOTH,
    { addressesOf: () => Promise.resolve([]) },
    'connections to vps.example.org may be redirected',
  ],
])('says so: %s', async (_, section, system, expected) => {
  const { exec } = await cli(section, system);
  const { code, stderr } = await exec('--apply', '--lan', 'lan0', '--local');
  expect(code).toBe(0);
  expect(stderr).toContain(`note: `);
  expect(stderr).toContain(expected);
});

it.each([
  ['nothing to do', [], BOTH, 'give one of --print, --apply and --remove'],
  ['two things to do', ['--apply', '--remove'], BOTH, 'give one of --print, --apply and --remove'],
  ['nothing to redirect', ['--print'], BOTH, 'give --lan INTERFACE'],
  ['no listener', ['--print', '--local'], '', 'the configuration has no transparent.listen'],
  [
    'a loopback listener for a network',
    ['--print', '--lan', 'lan0'],
    'transparent: { listen: "127.0.0.1:1" }',
    'loopback addresses alone',
  ],
  ['an unknown user', ['--print', '--local', '--user', 'nobody-here'], BOTH, 'there is no user of this name'],
  ['a name that would be a rule', ['--print', '--lan', 'lan0" accept'], BOTH, 'expected names of interfaces'],
  ['no network', ['--print', '--local', '--except', 'example.org'], BOTH, 'expected addresses or networks'],
])('refuses %s', async (_, args, section, message) => {
  const { exec, scripts } = await cli(section);
  const { code, stdout, stderr } = await exec(...args);
  expect([code, stdout, scripts]).toEqual([2, '', []]);
  expect(stderr).toContain(message);
});

it('does not guess whose connections are its own', async () => {
  const { exec } = await cli(BOTH, { listeningUser: () => Promise.resolve(undefined) });
  const { code, stderr } = await exec('--apply', '--local');
  expect(code).toBe(2);
  expect(stderr).toContain('start the client first, or give --user');
});

it('takes the rules back whatever the configuration says', async () => {
  const { exec, scripts } = await cli('transparent: { listne: 1 }');
  expect(await exec('--apply', '--local')).toMatchObject({ code: 2 });
  expect(await exec('--remove')).toMatchObject({ code: 0, stderr: '' });
  expect(scripts).toHaveLength(1);
});

it('is shown by check', async () => {
  const laptop = await anyClient();
  await laptop.exec('join', LINK);
  expect((await laptop.exec('check')).stdout).not.toContain('transparent');
  await appendFile(laptop.file, `${BOTH}\n`);
  const { stdout } = await laptop.exec('check');
  expect(stdout).toContain('transparent   0.0.0.0:12345, [::]:12345, names are read for rules\n');
});

it('fails with what the packet filter lacks', async () => {
  const changePacketFilter = () => Promise.reject(new PacketFilterError('nft is not installed'));
  const { exec } = await cli(BOTH, { changePacketFilter });
  expect(await exec('--apply', '--lan', 'lan0')).toMatchObject({
    code: 1,
    stdout: '',
    stderr: 'tributary-client: nft is not installed\n',
  });
});
