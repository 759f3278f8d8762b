import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { parseOptions as parseBenchOptions } from '../bench/options.ts';
import { parseOptions as parseChaosOptions } from '../chaos/options.ts';
import { parseOptions as parseLoadOptions } from '../load/options.ts';
import { PACKAGES } from '../support/needs.ts';
import { type ProgramName, programOutput } from '../support/program-output.ts';
import { parseOptions as parseUseCaseOptions } from '../use-cases/options.ts';
import {
  code,
  markdownFiles,
  projectFile,
  sectionLines,
  shellCommands,
  shellLines,
  tableRows,
} from './markdown.ts';

const [readme, ci, packageText] = await Promise.all(
  ['README.md', '.ci/run', 'package.json'].map(projectFile),
);
const { scripts, bin } = JSON.parse(packageText!) as {
  scripts: Record<string, string>;
  bin: Record<string, string>;
};
const documents = await Promise.all((await markdownFiles()).map(projectFile));
const lines = documents.flatMap(shellLines);
const commands = shellCommands(lines);

/** Commands of the system that the texts may use. */
const SYSTEM_COMMANDS = [
  '/etc/init.d/tributary-client',
  'apk',
  'apt-get',
  'cd',
  'chmod',
  'chown',
  'cp',
  'createdb',
  'createuser',
  'curl',
  'dnf',
  'docker',
  'groupadd',
  'groupdel',
  'install',
  'journalctl',
  'kubectl',
  'ln',
  'makepkg',
  'mkdir',
  'mv',
  'npm',
  'npx',
  'opkg',
  'prometheus',
  'promtool',
  'rm',
  'runuser',
  'sh',
  'systemctl',
  'systemd-analyze',
  'tar',
  'tributary-client',
  'tributary-concentrator',
  'useradd',
  'userdel',
  'usermod',
  'zbarimg',
];

/** Commands that have subcommands. */
const GROUPS = ['client', 'certificate'];

describe('the shell blocks of the texts', () => {
  it('hold commands, none with a prompt, a variable or a path of one machine', () => {
    expect(commands.length).toBeGreaterThan(20);
    expect(commands.filter((command) => !SYSTEM_COMMANDS.includes(command.split(' ')[0]!))).toEqual([]);
    expect(lines.filter((line) => /\$|\/home\/|\/root\//.test(line))).toEqual([]);
  });

  it('call scripts that package.json has', () => {
    const npm = commands.filter((command) => command.startsWith('npm ')).map((command) => command.split(' '));
    const named = npm.map(([, verb = '', name]) => (verb === 'run' ? name : verb));
    const builtIn = ['ci', 'install', 'prune', 'uninstall'];
    expect(named.filter((name) => !builtIn.includes(name!) && !(name! in scripts))).toEqual([]);
    expect(named).toEqual(expect.arrayContaining(['ci', 'start', 'test', 'bench', 'use-cases']));
  });

  const optionsOf = (script: string) =>
    [...new Set(commands)]
      .filter((command) => command.startsWith(`npm run ${script} -- `))
      .map((command) => command.split(' -- ')[1]!);

  it.each(optionsOf('bench'))('npm run bench -- %s', (options) => {
    expect(parseBenchOptions(options.split(' '))).toBeDefined();
  });

  it.each(optionsOf('use-cases'))('npm run use-cases -- %s', (options) => {
    expect(parseUseCaseOptions(options.split(' '))).toBeDefined();
  });

  it.each(optionsOf('chaos'))('npm run chaos -- %s', (options) => {
    expect(parseChaosOptions(options.split(' '))).toBeDefined();
  });

  it.each(optionsOf('load'))('npm run load -- %s', (options) => {
    expect(parseLoadOptions(options.split(' '))).toBeDefined();
  });

  const ours = commands.filter((command) => command.split(' ')[0]! in bin);
  it.each([...new Set(ours)])('%s', async (line) => {
    const [program, ...rest] = line.split(' ');
    const firstOption = rest.findIndex((word) => word.startsWith('-'));
    // Subcommands are plain words; an argument is a name in the place of another subcommand, or is quoted.
    const plain = rest
      .slice(0, firstOption < 0 ? undefined : firstOption)
      .filter((word) => !word.includes("'"));
    const words = GROUPS.includes(plain[0]!) ? plain.slice(0, 2) : plain.slice(0, 1);
    const text = await programOutput(program as ProgramName, [...words, '--help']);
    expect(text).toContain(`Usage: ${[program, ...words].join(' ')} `);
    for (const option of rest.filter((word) => word.startsWith('--'))) expect(text).toContain(option);
  });

  it('copy units that are there and start the programs of package.json', async () => {
    for (const line of lines.filter((line) => line.startsWith('cp '))) {
      // A socket starts the service of its name.
      const unit = await projectFile(line.split(' ')[1]!.replace(/\.socket$/, '.service'));
      const started = /^ExecStart=\/usr\/bin\/env \S+ (\S+) --config \/etc\/tributary\/(\S+)\.yaml$/m.exec(
        unit,
      );
      expect(Object.keys(bin)).toContain(started?.[1]);
      expect(started?.[2]).toBe(started?.[1]);
    }
  });
});

describe('the tables of options', () => {
  /** Each with the options that stand elsewhere on its page. */
  const tables = [
    ['docs/doctor.md', '## What it costs', 'tributary-client doctor', []],
    ['docs/speedtest.md', '## What it costs', 'tributary-client speedtest', []],
    [
      'docs/whole-network.md',
      '## Set up',
      'tributary-client transparent',
      ['--print', '--apply', '--remove'],
    ],
    ['docs/clients.md', '## What a client may do', 'tributary-concentrator client set', []],
  ] as const;

  it('are these', async () => {
    const files = await markdownFiles();
    const found = await Promise.all(
      files.map(async (file) => (/^\| option \|/m.test(await projectFile(file)) ? [file] : [])),
    );
    expect(found.flat()).toEqual(tables.map(([file]) => file).sort());
  });

  it.each(tables)(
    'in %s, %s, has the options of %s, and no others',
    async (file, heading, command, elsewhere) => {
      const [program, ...words] = command.split(' ');
      const help = await programOutput(program as ProgramName, [...words, '--help']);
      const [, own = ''] = /^Options:\n(.*?)^\n/ms.exec(help) ?? [];
      const options = [...own.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm)].map(([, option]) => option!);
      const rows = tableRows(await projectFile(file), heading);
      const told = rows.flatMap(([cell]) => /^(--[a-z-]+)/.exec(code(cell) ?? '')?.[1] ?? []);
      expect([...told, ...elsewhere].sort()).toEqual(options.filter((option) => option !== '--help').sort());
    },
  );
});

describe('.ci/run', () => {
  const ciCommands = shellCommands(ci!.split('\n'));

  it('is a shell script without mistakes in its syntax', () => {
    expect(spawnSync('bash', ['-n', '.ci/run'], { timeout: 10_000 }).status).toBe(0);
  });

  it('installs what the README says, with the same lines', () => {
    const install = shellLines(readme!).filter((line) => line.startsWith('apt-get '));
    expect(install).not.toEqual([]);
    expect(ciCommands).toEqual(expect.arrayContaining(install));
    const words = install.flatMap((line) => line.split(' '));
    const packages = words.filter((word) => !/^(apt-get|install|-.*)$/.test(word));
    expect(packages.sort()).toEqual(Object.keys(PACKAGES).sort());
  });

  it("runs the README's commands: npm ci, then one that ends with npm test", () => {
    const npm = ciCommands.filter((command) => command.startsWith('npm '));
    const tests = sectionLines(readme!, '## Tests').join(' ');
    expect(npm[0]).toBe('npm ci');
    for (const command of npm.slice(1)) {
      expect(tests).toContain(`\`${command}\``);
      expect(Object.keys(scripts)).toContain(command.replace('npm run ', '').split(' ')[0]);
    }
    // Its line of counts then ends what all of it prints.
    expect(shellCommands([scripts[npm.at(-1)!.replace('npm run ', '')]!]).at(-1)).toBe('npm test');
  });
});
