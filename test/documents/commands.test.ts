import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { buildClientCli } from '../../client-proxy/cli/client-cli.ts';
import { buildConcentratorCli } from '../../server-concentrator/cli/concentrator-cli.ts';
import { commandLineDeps } from '../config/command-line-deps.ts';
import { projectFile, shellLines } from './markdown.ts';

const [readme, deployment, ci, packageText] = await Promise.all(
  ['README.md', 'deploy/README.md', '.ci/run', 'package.json'].map(projectFile),
);
const { scripts, bin } = JSON.parse(packageText!) as {
  scripts: Record<string, string>;
  bin: Record<string, string>;
};
const lines = [...shellLines(readme!), ...shellLines(deployment!)];

/** Commands of the system that the texts may use. */
const SYSTEM_COMMANDS = [
  'apt-get',
  'chown',
  'cp',
  'curl',
  'journalctl',
  'npm',
  'systemctl',
  'tributary-client',
  'tributary-concentrator',
  'useradd',
];

/** The help of a program's command, by which its words and options are known. */
async function help(program: string, words: readonly string[]): Promise<string> {
  const { deps, take } = await commandLineDeps();
  const unused = () => {
    throw new Error('not for help');
  };
  const run =
    program === 'tributary-client'
      ? buildClientCli({
          ...deps,
          networkInterfaces: unused,
          readNetwork: unused,
          interfaceBinding: unused,
          run: unused,
        })
      : buildConcentratorCli({ ...deps, run: unused });
  expect(await run([...words, '--help'])).toBe(0);
  return take().stdout;
}

describe('the shell blocks of the texts', () => {
  it('hold commands, none with a prompt, a variable or a path of one machine', () => {
    expect(lines.length).toBeGreaterThan(20);
    expect(lines.filter((line) => !SYSTEM_COMMANDS.includes(line.split(' ')[0]!))).toEqual([]);
    expect(lines.filter((line) => /\$|\/home\/|\/root\//.test(line))).toEqual([]);
  });

  it('call scripts that package.json has', () => {
    const npm = lines.filter((line) => line.startsWith('npm ')).map((line) => line.split(' '));
    const named = npm.map(([, verb = '', name]) => (verb === 'run' ? name : verb));
    const builtIn = ['ci', 'install', 'uninstall'];
    expect(named.filter((name) => !builtIn.includes(name!) && !(name! in scripts))).toEqual([]);
    expect(named).toEqual(expect.arrayContaining(['ci', 'start', 'check', 'test', 'build']));
  });

  const ours = lines.filter((line) => line.split(' ')[0]! in bin);
  it.each([...new Set(ours)])('%s', async (line) => {
    const [program, ...rest] = line.split(' ');
    const firstOption = rest.findIndex((word) => word.startsWith('-'));
    // Subcommands are plain words; an argument is a name in the place of another subcommand, or is quoted.
    const plain = rest
      .slice(0, firstOption < 0 ? undefined : firstOption)
      .filter((word) => !word.includes("'"));
    const words = plain[0] === 'client' ? plain.slice(0, 2) : plain.slice(0, 1);
    const text = await help(program!, words);
    expect(text).toContain(`Usage: ${[program, ...words].join(' ')} `);
    for (const option of rest.filter((word) => word.startsWith('--'))) expect(text).toContain(option);
  });

  it('copy units that are there and start the programs of package.json', async () => {
    for (const line of lines.filter((line) => line.startsWith('cp '))) {
      const unit = await projectFile(line.split(' ')[1]!);
      const started = /^ExecStart=\/usr\/bin\/env (\S+) --config \/etc\/tributary\/(\S+)\.yaml$/m.exec(unit);
      expect(Object.keys(bin)).toContain(started?.[1]);
      expect(started?.[2]).toBe(started?.[1]);
    }
  });
});

describe('.ci/run', () => {
  const commands = ci!.split('\n').map((line) => line.trim());

  it('is a shell script without mistakes in its syntax', () => {
    expect(spawnSync('bash', ['-n', '.ci/run'], { timeout: 10_000 }).status).toBe(0);
  });

  it('installs what the README has installed, with the same line', () => {
    const install = lines.filter((line) => line.startsWith('apt-get '));
    expect(install).toHaveLength(1);
    expect(commands).toContain(install[0]);
  });

  it("runs the README's own commands for development, in their order", () => {
    const development = shellLines(readme!.slice(readme!.indexOf('## Development'))).slice(0, 2);
    expect(development).toEqual(['npm ci', 'npm run check']);
    expect(commands.filter((line) => line.startsWith('npm '))).toEqual(development);
  });
});
