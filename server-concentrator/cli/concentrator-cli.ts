import type { Command } from 'commander';
import {
  type ProgramHelp,
  programCommand,
  refuseUnknownCommand,
  runCommandLine,
} from '../../shared/runtime/config/command-line.ts';
import { findConfigFile } from '../../shared/runtime/config/config-search.ts';
import { printStatus } from '../../shared/runtime/config/status-command.ts';
import type { ConcentratorConfig } from '../config/concentrator-config.ts';
import { loadConcentratorConfig } from '../config/load-concentrator-config.ts';
import { doctor } from '../doctor/doctor.ts';
import { prepareCertificate, switchCertificate } from './certificates.ts';
import { type CheckDeps, check } from './check.ts';
import { addClient, finishRotation, grantPorts, listClients, revokeClient, rotateClient } from './clients.ts';
import { CONCENTRATOR_CONFIG_NAME, init } from './init.ts';

/** What the concentrator's command line gets from the process and the composer. */
export interface ConcentratorCliDeps extends CheckDeps {
  /** Runs the concentrator until it is stopped. */
  readonly run: (config: ConcentratorConfig) => Promise<void>;
}

/** The concentrator's command line: takes the arguments after the program's name, resolves to the exit code. */
export function buildConcentratorCli(
  deps: ConcentratorCliDeps,
): (args: readonly string[]) => Promise<number> {
  return (args) => runCommandLine(concentratorProgram(deps), args, deps);
}

function concentratorProgram(deps: ConcentratorCliDeps): Command {
  const program = programCommand(HELP, deps.version).action(async () => {
    refuseUnknownCommand(program);
    await deps.run(await loaded());
  });
  const loaded = async () => {
    const { config: named } = program.opts<{ config?: string }>();
    const file = await findConfigFile(
      {
        ...(named === undefined ? {} : { named }),
        fileName: CONCENTRATOR_CONFIG_NAME,
        nextCommand: 'tributary-concentrator init --public HOST',
      },
      deps,
    );
    return loadConcentratorConfig(file);
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
    .action((options, command: Command) => init({ ...options, ...command.optsWithGlobals() }, deps));
  program
    .command('check')
    .description('check the configuration, and say what the concentrator would do')
    .action(async () => check(await loaded(), deps));
  program
    .command('doctor')
    .description(
      'examine this machine: port, firewall, certificate, name servers, kernel; say what mends what is wrong',
    )
    .option('--json', 'all of it at the end, for programs')
    .action(async ({ json }: { json?: true }) => doctor(await loaded(), { json: json === true }, deps));
  program
    .command('status')
    .description('ask the concentrator that runs with this configuration for its sessions and their uplinks')
    .option('--json', 'all of it, for programs')
    .action(async ({ json }: { json?: true }) => printStatus(await loaded(), { json }, program.name(), deps));

  addClientCommands(program, loaded, deps);
  // Only now, since subcommands would inherit it: what is no command then reaches the program's own action.
  return program.allowExcessArguments();
}

/** What changes keys and certificates. */
function addClientCommands(
  program: Command,
  loaded: () => Promise<ConcentratorConfig>,
  deps: ConcentratorCliDeps,
): void {
  const client = program.command('client').description('the clients that may connect');
  client
    .command('add')
    .argument('<name>')
    .description('add a client, and print its link')
    .option('--publish <ports>', 'ports of this machine that it may publish, such as 443,8000-8010')
    .action(async (name: string, options: { publish?: string }) =>
      addClient(name, options, await loaded(), deps),
    );
  client
    .command('publish')
    .argument('<name>')
    .argument('<ports>', 'such as 443,8000-8010; or none')
    .description('set which ports of this machine a client may publish')
    .action(async (name: string, ports: string) => grantPorts(name, ports, await loaded(), deps));
  client
    .command('rotate')
    .argument('<name>')
    .description('give a client another key beside its own, and print the new link')
    .option('--finish', 'end that: the old key is not good any more')
    .action(async (name: string, { finish }: { finish?: true }) => {
      await (finish ? finishRotation : rotateClient)(name, await loaded(), deps);
    });
  client
    .command('list')
    .description('list the clients and what they may publish, without their keys')
    .action(async () => listClients(await loaded(), deps));
  client
    .command('revoke')
    .argument('<name>')
    .description('remove a client')
    .action(async (name: string) => revokeClient(name, await loaded(), deps));
  const certificate = program.command('certificate').description('change the certificate without an outage');
  certificate
    .command('prepare')
    .description('make another certificate beside the current one, and print the pins of both')
    .option('--force', 'replace one that is prepared')
    .action(async (options: { force?: true }) => prepareCertificate(await loaded(), options, deps));
  certificate
    .command('switch')
    .description('make the prepared certificate the current one')
    .action(async () => switchCertificate(await loaded(), deps));
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
};
