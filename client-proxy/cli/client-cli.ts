import type { Command } from 'commander';
import { addShellCommands } from '../../shared/runtime/command-line/shell-commands.ts';
import {
  type ProgramHelp,
  programCommand,
  READY_OPTION,
  refuseUnknownCommand,
  runCommandLine,
} from '../../shared/runtime/config/command-line.ts';
import { ConfigNotFoundError, findConfigFile } from '../../shared/runtime/config/config-search.ts';
import type { StatusOptions } from '../../shared/runtime/config/status-command.ts';
import { fileExists } from '../../shared/runtime/files/private-file.ts';
import { type ClientConfig, DEFAULT_METRICS_LISTEN } from '../config/client-config.ts';
import type { ClientCliDeps } from './client-cli-deps.ts';
import {
  CLIENT_CONFIG_NAME,
  DEFAULT_SOCKS,
  DEFAULT_SPEED_BYTES,
  DEFAULT_TEST_BYTES,
  DEFAULT_TEST_SECONDS,
  DEFAULT_TOP_INTERVAL,
} from './command-defaults.ts';
import type { JoinOptions } from './join.ts';
import type { DoctorArguments } from './run-doctor.ts';
import type { SpeedTestArguments } from './run-speed-test.ts';
import type { SetProxyArguments, UnsetProxyArguments } from './set-proxy.ts';
import type { TransparentArguments } from './transparent.ts';

/** Reads the configuration that `--config` names, or the first one found. Rejects with ConfigForbiddenError, or with who may read it. */
type LoadConfig = (named: string | undefined) => Promise<ClientConfig>;

/** The client's command line: takes the arguments after the program's name, resolves to the exit code. A command is loaded when it is called. */
export function buildClientCli(deps: ClientCliDeps): (args: readonly string[]) => Promise<number> {
  return (args) => runCommandLine(clientProgram(deps), args, deps);
}

function clientProgram(deps: ClientCliDeps): Command {
  const configFile = (named: string | undefined) =>
    findConfigFile(
      {
        ...(named === undefined ? {} : { named }),
        fileName: CLIENT_CONFIG_NAME,
        nextCommand:
          'tributary-client join (it asks for the link that the concentrator\'s "init" or "client add" printed)\n' +
          'or in a browser: tributary-client --first-run',
      },
      deps,
    );
  const loadOwn = async (named: string | undefined) => {
    const file = await configFile(named);
    const { loadClientConfig } = await import('../config/load-client-config.ts');
    return loadClientConfig(file);
  };
  const load = async (named: string | undefined) => {
    const { loadOrAdvise } = await import('../../shared/runtime/config/read-config-text.ts');
    return loadOrAdvise(() => loadOwn(named));
  };
  const program = programCommand(HELP, deps.version)
    .option('--first-run', 'without a configuration, take the link on a page at http://127.0.0.1:9101/')
    .action(async ({ config, firstRun }: { config?: string; firstRun?: true }) => {
      refuseUnknownCommand(program);
      const file = firstRun ? await fileAfterFirstRun(config, configFile, deps) : config;
      await deps.run(await loadOwn(file));
    });
  addJoin(program, configFile, deps);
  program
    .command('check')
    .description('check the configuration, and say which uplinks are there and reach the concentrator')
    .action(async (_options: unknown, command: Command) => {
      const { config } = command.optsWithGlobals<{ config?: string }>();
      const { check } = await import('./check.ts');
      await check(await load(config), deps);
    });
  addDoctor(program, load, deps);
  addSpeedTest(program, load, deps);
  program
    .command('status')
    .description(
      'ask the client that runs with this configuration which uplinks it uses, and why not the others',
    )
    .option('--json', 'all of it, for programs')
    .option(...READY_OPTION)
    .action(async (_options: unknown, command: Command) => {
      const { config, ...options } = command.optsWithGlobals<{ config?: string } & StatusOptions>();
      const { printStatus, toldAt } = await import('../../shared/runtime/config/status-command.ts');
      const told = await toldAt(() => loadOwn(config), config, DEFAULT_METRICS_LISTEN, deps);
      await printStatus(told, options, program.name(), deps);
    });
  addTop(program, loadOwn, deps);
  addTransparent(program, load, deps);
  addProxySettings(program, loadOwn, deps);
  program
    .command('usage')
    .description('say what each metered plan has used of its caps')
    .action(async (_options: unknown, command: Command) => {
      const { config } = command.optsWithGlobals<{ config?: string }>();
      const { usage } = await import('./plan-usage.ts');
      await usage(await load(config), deps);
    });
  addShellCommands(program, HELP, deps);
  // Only now, since subcommands would inherit it: what is no command then reaches the program's own action.
  return program.allowExcessArguments();
}

/** The configuration that there is, or the one that a page has taken a link for. */
async function fileAfterFirstRun(
  named: string | undefined,
  configFile: (named: string | undefined) => Promise<string>,
  deps: ClientCliDeps,
): Promise<string> {
  try {
    return await configFile(named);
  } catch (error) {
    if (!(error instanceof ConfigNotFoundError)) throw error;
  }
  const { FIRST_RUN_LISTEN, firstRun } = await import('./first-run.ts');
  return firstRun({ config: named, listen: FIRST_RUN_LISTEN }, deps);
}

function addJoin(
  program: Command,
  configFile: (named: string | undefined) => Promise<string>,
  deps: ClientCliDeps,
): void {
  program
    .command('join')
    .description(
      'write the configuration of this machine from a link, with the uplinks it has; where there is one already, add the concentrator',
    )
    .argument(
      '[link]',
      'tributary://... in quotes, visible to others; "-" for standard input; without it, join asks',
    )
    .option('--link-file <file>', 'a file that holds the link')
    .option('--socks <address:port>', 'where applications connect', DEFAULT_SOCKS)
    .option('--force', 'replace a configuration that exists')
    .option('--start', 'start the service afterwards, where a package has installed it')
    .option('--update', 'of a configuration that exists replace only what the link says, and add nothing')
    .action(async (argument: string | undefined, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<JoinOptions & { linkFile?: string; update?: true }>();
      const { parseLinks } = await import('../../shared/runtime/identity/link.ts');
      const { readLink } = await import('../../shared/runtime/command-line/read-link.ts');
      const better = 'Better run "tributary-client join" and paste it, or use --link-file FILE';
      const source = { argument, linkFile: options.linkFile, better, piped: 'tributary-client join -' };
      const links = parseLinks(await readLink(source, deps));
      const { join, targetFile } = await import('./join.ts');
      const target = targetFile(options.config, deps);
      const isThere = !options.force && (await fileExists(target));
      if (options.update || isThere) {
        const { updateFromLinks } = await import('./update-from-link.ts');
        const file = options.update ? await configFile(options.config) : target;
        const how = { mayAdd: options.update !== true, start: options.start === true };
        await updateFromLinks(links, file, how, deps);
      } else {
        await join(links, options, deps);
      }
    });
  program
    .command('leave')
    .description('take a concentrator out of the configuration; its connections go on until they end')
    .argument('<name>', 'as "status" and "check" show it')
    .action(async (name: string, _options: unknown, command: Command) => {
      const { config } = command.optsWithGlobals<{ config?: string }>();
      const { leaveConcentrator } = await import('./update-from-link.ts');
      await leaveConcentrator(name, await configFile(config), deps);
    });
}

function addDoctor(program: Command, load: LoadConfig, deps: ClientCliDeps): void {
  program
    .command('doctor')
    .description(
      'examine each uplink from its interface to its speed, and both ends; say what mends what is wrong',
    )
    .option('--uplink <name...>', 'these alone')
    .option('--concentrator <name>', 'of several, this one alone')
    .option('--json', 'all of it at the end, for programs')
    .option(
      '--metered',
      'measure the speed of metered uplinks, too, and examine those that are stopped at a cap',
    )
    .option('--speed-bytes <size>', 'bytes for each measurement of speed, each way', DEFAULT_SPEED_BYTES)
    .option('--nat-timeout', 'find out how long silent connections live; takes four minutes for each uplink')
    .action(async (_options: unknown, command: Command) => {
      const { config, ...options } = command.optsWithGlobals<DoctorArguments & { config?: string }>();
      const { runDoctor } = await import('./run-doctor.ts');
      await runDoctor(await load(config), options, deps);
    });
}

function addSpeedTest(program: Command, load: LoadConfig, deps: ClientCliDeps): void {
  program
    .command('speedtest')
    .description('measure each uplink alone, all at once, and what one transfer over all of them gets')
    .option('--uplink <name...>', 'these alone')
    .option('--concentrator <name>', 'of several, with this one; otherwise with the first')
    .option('--metered', 'metered uplinks, too')
    .option('--max <size>', 'bytes in all, both directions together', DEFAULT_TEST_BYTES)
    .option('--seconds <seconds>', 'for each measurement in one direction', DEFAULT_TEST_SECONDS)
    .option('--json', 'the report for programs')
    .action(async (_options: unknown, command: Command) => {
      const { config, ...options } = command.optsWithGlobals<SpeedTestArguments & { config?: string }>();
      const { runSpeedTest } = await import('./run-speed-test.ts');
      await runSpeedTest(await load(config), options, deps);
    });
}

function addTop(program: Command, load: LoadConfig, deps: ClientCliDeps): void {
  program
    .command('top')
    .description('show the uplinks of the client that runs with this configuration on the whole screen, live')
    .option('--interval <duration>', 'how often it is asked', DEFAULT_TOP_INTERVAL)
    .action(async (_options: unknown, command: Command) => {
      const { config, ...options } = command.optsWithGlobals<{ config?: string; interval: string }>();
      const { toldAt } = await import('../../shared/runtime/config/status-command.ts');
      const told = await toldAt(() => load(config), config, DEFAULT_METRICS_LISTEN, deps);
      const { runTop } = await import('./run-top.ts');
      await runTop(told, options, program.name(), deps);
    });
}

function addTransparent(program: Command, load: LoadConfig, deps: ClientCliDeps): void {
  program
    .command('transparent')
    .description(
      'lead the connections of programs that know of no proxy to the client, by rules of the packet filter (nftables)',
    )
    .option('--print', 'print the rules')
    .option('--apply', 'apply them, in place of those of before; needs root')
    .option('--remove', 'take them back; needs root')
    .option(
      '--lan <interface...>',
      'connections that come from these interfaces, of machines behind this one',
    )
    .option('--local', 'connections of this machine')
    .option(
      '--user <user>',
      'the user that the client runs as (default: whoever listens at transparent.listen)',
    )
    .option('--except <network...>', 'not to these addresses')
    .option('--private', 'to private networks, too')
    .option(
      '--tproxy',
      'by TPROXY in place of REDIRECT: addresses stay as they are, and the client needs CAP_NET_ADMIN',
    )
    .option('--udp', 'with --tproxy: UDP, too')
    .option('--refuse-quic', 'refuse UDP port 443, so that browsers use TCP')
    .action(async (_options: unknown, command: Command) => {
      const { config, ...options } = command.optsWithGlobals<TransparentArguments & { config?: string }>();
      const { transparent } = await import('./transparent.ts');
      await transparent(() => load(config), options, deps);
    });
}

function addProxySettings(program: Command, load: LoadConfig, deps: ClientCliDeps): void {
  program
    .command('set-proxy')
    .description(
      "tell this user's programs of the client: by the settings of GNOME and KDE, and by variables",
    )
    .option('--print', 'print what would be set, and change nothing')
    .option(
      '--proxy <address:port>',
      'the client at this address, of this machine or another; then no configuration is needed',
    )
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<SetProxyArguments>();
      const { setProxyCommand } = await import('./set-proxy.ts');
      await setProxyCommand(() => load(options.config), options, deps);
    });
  program
    .command('unset-proxy')
    .description('put back what was set before "set-proxy"')
    .option('--print', 'print what would be set, and change nothing')
    .option('--all-users', 'for all users of this machine who have used "set-proxy"; needs root')
    .action(async (_options: unknown, command: Command) => {
      const { unsetProxyCommand } = await import('./set-proxy.ts');
      await unsetProxyCommand(command.opts<UnsetProxyArguments>(), deps);
    });
}

const HELP: ProgramHelp = {
  name: 'tributary-client',
  description: 'A proxy (SOCKS and HTTP) that spreads each connection over all uplinks of this machine.',
  usage: `Without a command the proxy runs, until SIGTERM or Ctrl-C.

First steps:
  tributary-client join      asks for the link that the concentrator printed
  tributary-client check
  tributary-client
Or all of it in a browser:
  tributary-client --first-run
`,
  manual: {
    files: [
      [`~/.config/tributary/${CLIENT_CONFIG_NAME}`, 'the configuration; it holds the key of the client'],
      [`/etc/tributary/${CLIENT_CONFIG_NAME}`, 'the same for root and for services'],
      ['~/.local/state/tributary', 'what is kept over restarts, such as the usage of metered uplinks'],
      ['/var/lib/tributary', 'the same for root and for services'],
      ['~/.local/state/tributary/proxy-before.json', 'what was set before "set-proxy", for "unset-proxy"'],
    ],
    seeAlso: ['tributary-concentrator', 'curl'],
  },
};
