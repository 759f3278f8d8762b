import type { Command } from 'commander';
import {
  type ProgramHelp,
  programCommand,
  refuseUnknownCommand,
  runCommandLine,
  UsageError,
} from '../../shared/runtime/config/command-line.ts';
import { findConfigFile } from '../../shared/runtime/config/config-search.ts';
import { DURATION_FORMAT, formatDuration, parseDuration } from '../../shared/runtime/config/duration.ts';
import { printStatus } from '../../shared/runtime/config/status-command.ts';
import { parseLink } from '../../shared/runtime/identity/link.ts';
import { loadClientConfig } from '../config/load-client-config.ts';
import { DEFAULT_INTERVAL_MS, LEAST_INTERVAL_MS, top } from '../top/top.ts';
import { check } from './check.ts';
import type { ClientCliDeps } from './client-cli-deps.ts';
import { CLIENT_CONFIG_NAME, DEFAULT_SOCKS, type JoinOptions, join } from './join.ts';
import { usage } from './plan-usage.ts';
import { readLink } from './read-link.ts';
import { DEFAULT_SPEED_BYTES, type DoctorArguments, runDoctor } from './run-doctor.ts';
import { DEFAULT_MAX, DEFAULT_SECONDS, runSpeedTest, type SpeedTestArguments } from './run-speed-test.ts';
import { type TransparentArguments, transparent } from './transparent.ts';
import { updateFromLink } from './update-from-link.ts';

/** The client's command line: takes the arguments after the program's name, resolves to the exit code. */
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
          'tributary-client join (it asks for the link that the concentrator\'s "init" or "client add" printed)',
      },
      deps,
    );
  const program = programCommand(HELP, deps.version).action(async ({ config }: { config?: string }) => {
    refuseUnknownCommand(program);
    await deps.run(await loadClientConfig(await configFile(config)));
  });
  program
    .command('join')
    .description('write the configuration of this machine from a link, with the uplinks it has')
    .argument(
      '[link]',
      'tributary://... in quotes, visible to others; "-" for standard input; without it, join asks',
    )
    .option('--link-file <file>', 'a file that holds the link')
    .option('--socks <address:port>', 'where applications connect', DEFAULT_SOCKS)
    .option('--force', 'replace a configuration that exists')
    .option('--update', 'of a configuration that exists replace only what the link says')
    .action(async (argument: string | undefined, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<JoinOptions & { linkFile?: string; update?: true }>();
      const link = parseLink(await readLink({ argument, linkFile: options.linkFile }, deps));
      if (options.update) await updateFromLink(link, await configFile(options.config), deps);
      else await join(link, options, deps);
    });
  program
    .command('check')
    .description('check the configuration, and say which uplinks are there and reach the concentrator')
    .action(async (_options: unknown, command: Command) => {
      const { config } = command.optsWithGlobals<{ config?: string }>();
      await check(await loadClientConfig(await configFile(config)), deps);
    });
  program
    .command('doctor')
    .description(
      'examine each uplink from its interface to its speed, and both ends; say what mends what is wrong',
    )
    .option('--uplink <name...>', 'these alone')
    .option('--json', 'all of it at the end, for programs')
    .option('--metered', 'measure the speed of metered uplinks, too')
    .option('--speed-bytes <size>', 'bytes for each measurement of speed, each way', DEFAULT_SPEED_BYTES)
    .option('--nat-timeout', 'find out how long silent connections live; takes four minutes for each uplink')
    .action(async (_options: unknown, command: Command) => {
      const { config, ...options } = command.optsWithGlobals<DoctorArguments & { config?: string }>();
      await runDoctor(await loadClientConfig(await configFile(config)), options, deps);
    });
  program
    .command('status')
    .description(
      'ask the client that runs with this configuration which uplinks it uses, and why not the others',
    )
    .option('--json', 'all of it, for programs')
    .action(async (_options: unknown, command: Command) => {
      const { config, json } = command.optsWithGlobals<{ config?: string; json?: true }>();
      await printStatus(await loadClientConfig(await configFile(config)), { json }, program.name(), deps);
    });
  addSpeedTest(program, configFile, deps);
  addTop(program, configFile, deps);
  addTransparent(program, configFile, deps);
  program
    .command('usage')
    .description('say what each metered plan has used of its caps')
    .action(async (_options: unknown, command: Command) => {
      const { config } = command.optsWithGlobals<{ config?: string }>();
      await usage(await loadClientConfig(await configFile(config)), deps);
    });
  // Only now, since subcommands would inherit it: what is no command then reaches the program's own action.
  return program.allowExcessArguments();
}

function addSpeedTest(
  program: Command,
  configFile: (named: string | undefined) => Promise<string>,
  deps: ClientCliDeps,
): void {
  program
    .command('speedtest')
    .description('measure each uplink alone, all at once, and what one transfer over all of them gets')
    .option('--uplink <name...>', 'these alone')
    .option('--metered', 'metered uplinks, too')
    .option('--max <size>', 'bytes in all, both directions together', DEFAULT_MAX)
    .option('--seconds <seconds>', 'for each measurement in one direction', DEFAULT_SECONDS)
    .option('--json', 'the report for programs')
    .action(async (_options: unknown, command: Command) => {
      const { config, ...options } = command.optsWithGlobals<SpeedTestArguments & { config?: string }>();
      await runSpeedTest(await loadClientConfig(await configFile(config)), options, deps);
    });
}

function addTop(
  program: Command,
  configFile: (named: string | undefined) => Promise<string>,
  deps: ClientCliDeps,
): void {
  program
    .command('top')
    .description('show the uplinks of the client that runs with this configuration on the whole screen, live')
    .option('--interval <duration>', 'how often it is asked', formatDuration(DEFAULT_INTERVAL_MS))
    .action(async (_options: unknown, command: Command) => {
      const { config, interval } = command.optsWithGlobals<{ config?: string; interval: string }>();
      const intervalMs = parseDuration(interval);
      if (intervalMs === undefined || intervalMs < LEAST_INTERVAL_MS) {
        throw new UsageError(
          `--interval: expected ${DURATION_FORMAT}, at least ${formatDuration(LEAST_INTERVAL_MS)}`,
        );
      }
      await top(await loadClientConfig(await configFile(config)), intervalMs, program.name(), deps);
    });
}

function addTransparent(
  program: Command,
  configFile: (named: string | undefined) => Promise<string>,
  deps: ClientCliDeps,
): void {
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
      await transparent(async () => loadClientConfig(await configFile(config)), options, deps);
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
`,
};
