import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { buildClientCli } from '../../../client-proxy/cli/client-cli.ts';
import { commandLineDeps } from '../../config/command-line-deps.ts';
import { NO_TERMINAL } from '../../support/no-terminal.ts';
import { EMPTY_REDIRECT_SYSTEM } from '../../support/redirect-system.ts';

const KEY = 'A'.repeat(43);

/** A client whose one uplink is an interface that the machine does not have. */
async function cli() {
  const { deps, home, take } = await commandLineDeps();
  const config = join(home, 'client.yaml');
  const lines = [
    'concentrator:',
    '  addresses: ["127.0.0.1:1"]',
    `  pin: "sha256:${KEY}"`,
    `client: { id: laptop, key: "${KEY}" }`,
    'uplinks: [{ name: lte, interface: wwan0 }]',
  ];
  await writeFile(config, lines.join('\n'), { mode: 0o600 });
  const unused = () => Promise.reject(new Error('not for the doctor'));
  const call = buildClientCli({
    ...deps,
    networkInterfaces: () => ({}),
    readNetwork: async () => ({ interfaces: [] }),
    interfaceBinding: () => ({ available: true }),
    redirectSystem: async () => EMPTY_REDIRECT_SYSTEM,
    nativeSockets: () => undefined,
    tryUplinks: unused,
    speedTest: unused,
    ownCommand: [],
    input: { isTerminal: false, readText: unused, ask: unused },
    terminal: NO_TERMINAL,
    run: unused,
  });
  return async (...args: string[]) => ({
    code: await call(['doctor', '--config', config, ...args]),
    ...take(),
  });
}

it('prints what it finds, then the verdict, and says by its exit code that there is trouble', async () => {
  const exec = await cli();
  const { code, stdout, stderr } = await exec();
  expect(stdout).toMatch(/^this machine\n {2}\w+ +kernel /);
  expect(stdout).toContain(
    '\nlte (interface wwan0)\n  failed   interface           there is no network interface wwan0',
  );
  expect(stdout).toContain('  skipped  tcp                 not tried, because of: interface\n');
  expect(stdout).toContain('\nVerdict: the uplink lte does not work\n');
  expect([code, stderr]).toEqual([1, 'tributary-client: trouble was found; the verdict is above\n']);
});

it('prints one document for programs', async () => {
  const exec = await cli();
  const { code, stdout } = await exec('--json');
  const { schema, program, checks, verdict } = JSON.parse(stdout);
  expect([code, schema, program, verdict.outcome]).toEqual([1, 1, 'tributary-client', 'failed']);
  expect(checks.find(({ check }: { check: string }) => check === 'interface')).toMatchObject({
    uplink: 'lte',
    outcome: 'failed',
    figures: {},
  });
});

it.each([
  [['--uplink', 'wifi'], 'there is no uplink wifi now: there are lte'],
  [['--speed-bytes', 'much'], '--speed-bytes: expected a size with its unit'],
  [['--speed-bytes', '2GB'], 'at most 1GB'],
])('refuses %j', async (args, message) => {
  const exec = await cli();
  const { code, stdout, stderr } = await exec(...args);
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toContain(message);
});
