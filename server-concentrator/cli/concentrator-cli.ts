import type { Command } from 'commander';
import type { LinkDeps } from '../../shared/runtime/command-line/read-link.ts';
import { addShellCommands } from '../../shared/runtime/command-line/shell-commands.ts';
import {
  type ProgramHelp,
  programCommand,
  READY_OPTION,
  refuseUnknownCommand,
  runCommandLine,
} from '../../shared/runtime/config/command-line.ts';
import { findConfigFile } from '../../shared/runtime/config/config-search.ts';
import type { StatusOptions } from '../../shared/runtime/config/status-command.ts';
import { type ConcentratorConfig, DEFAULT_METRICS_LISTEN } from '../config/concentrator-config.ts';
import type { CheckDeps } from './check.ts';
import { addClientCommands, QR } from './client-commands.ts';
import { CONCENTRATOR_CONFIG_NAME } from './command-defaults.ts';
import type { InitOptions } from './init.ts';

/** What the concentrator's command line gets from the process and the composer. */
export interface ConcentratorCliDeps extends CheckDeps, LinkDeps {
  /** Runs the concentrator until it is stopped. */
  readonly run: (config: ConcentratorConfig) => Promise<void>;
}

/** The concentrator's command line: takes the arguments after the program's name, resolves to the exit code. A command is loaded when it is called. */
export function buildConcentratorCli(
  deps: ConcentratorCliDeps,
): (args: readonly string[]) => Promise<number> {
  return (args) => runCommandLine(concentratorProgram(deps), args, deps);
}

function concentratorProgram(deps: ConcentratorCliDeps): Command {
  const program = programCommand(HELP, deps.version).action(async () => {
    refuseUnknownCommand(program);
    await deps.run(await loadedOwn());
  });
  const named = () => program.opts<{ config?: string }>().config;
  const loadedOwn = async () => {
    const name = named();
    const file = await findConfigFile(
      {
        ...(name === undefined ? {} : { named: name }),
        fileName: CONCENTRATOR_CONFIG_NAME,
        nextCommand: 'tributary-concentrator init --public HOST',
      },
      deps,
    );
    const { loadConcentratorConfig } = await import('../config/load-concentrator-config.ts');
    return loadConcentratorConfig(file);
  };
  const loaded = async () => {
    const { loadOrAdvise } = await import('../../shared/runtime/config/read-config-text.ts');
    return loadOrAdvise(loadedOwn);
  };

  program
    .command('init')
    .description('write a configuration, certificate and key, and print the link for the first client')
    .requiredOption(
      '--public <host:port...>',
      'where clients reach this machine (port 8443 if none is given)',
    )
    .option('--listen <address:port...>', 'where to listen (every address, port 8443, if none is given)')
    .option(
      '--directory <directory>',
      'where to write (/etc/tributary for root, ~/.config/tributary otherwise)',
    )
    .option('--client <name>', "the first client's name", 'client1')
    .option('--force', 'replace files that exist; links given out before stop working')
    .option('--qr', QR)
    .option('--start', 'start the service afterwards, where a package has installed it')
    .action(async (_options: unknown, command: Command) => {
      const { init } = await import('./init.ts');
      await init(command.optsWithGlobals<InitOptions>(), deps);
    });
  program
    .command('check')
    .description('check the configuration, and say what the concentrator would do')
    .action(async () => {
      const { check } = await import('./check.ts');
      await check(await loaded(), deps);
    });
  program
    .command('doctor')
    .description(
      'examine this machine: port, firewall, certificate, name servers, kernel; say what mends what is wrong',
    )
    .option('--json', 'all of it at the end, for programs')
    .action(async ({ json }: { json?: true }) => {
      const { doctor } = await import('../doctor/doctor.ts');
      await doctor(await loaded(), { json: json === true }, deps);
    });
  program
    .command('status')
    .description('ask the concentrator that runs with this configuration for its sessions and their uplinks')
    .option('--json', 'all of it, for programs')
    .option(...READY_OPTION)
    .action(async (options: StatusOptions) => {
      const { printStatus, toldAt } = await import('../../shared/runtime/config/status-command.ts');
      const told = await toldAt(loadedOwn, named(), DEFAULT_METRICS_LISTEN, deps);
      await printStatus(told, options, program.name(), deps);
    });

  addClientCommands(program, loaded, deps);
  addCertificateCommands(program, loaded, deps);
  addShellCommands(program, HELP, deps);
  // Only now, since subcommands would inherit it: what is no command then reaches the program's own action.
  return program.allowExcessArguments();
}

function addCertificateCommands(
  program: Command,
  loaded: () => Promise<ConcentratorConfig>,
  deps: ConcentratorCliDeps,
): void {
  const certificates = () => import('./certificates.ts');
  const certificate = program.command('certificate').description('change the certificate without an outage');
  certificate
    .command('prepare')
    .description('make another certificate beside the current one, and print the pins of both')
    .option('--force', 'replace one that is prepared')
    .action(async (options: { force?: true }) =>
      (await certificates()).prepareCertificate(await loaded(), options, deps),
    );
  certificate
    .command('switch')
    .description('make the prepared certificate the current one')
    .action(async () => (await certificates()).switchCertificate(await loaded(), deps));
}

const HELP: ProgramHelp = {
  name: 'tributary-concentrator',
  description: 'Joins the subflows of tributary-client and dials the origins.',
  usage: `Without a command the concentrator runs, until SIGTERM or Ctrl-C; SIGHUP makes it read clients, certificate and egress rules again.

First steps:
  tributary-concentrator init --public vps.example.org    prints the link for the first client
  tributary-concentrator check
  tributary-concentrator
`,
  manual: {
    files: [
      [`/etc/tributary/${CONCENTRATOR_CONFIG_NAME}`, 'the configuration'],
      ['/etc/tributary/certificate.pem', 'the certificate, by whose digest clients know the concentrator'],
      ['/etc/tributary/key.pem', 'its private key'],
      ['/etc/tributary/clients.yaml', 'the clients that may connect, with their keys'],
      ['~/.config/tributary', 'where these are for another user than root'],
      ['/var/lib/tributary-concentrator', 'what is kept over restarts, such as the usage of clients'],
      ['~/.local/state/tributary-concentrator', 'the same for another user than root'],
    ],
    seeAlso: ['tributary-client'],
  },
};
