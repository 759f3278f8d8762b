import type { Command } from 'commander';
import type { LinkDeps } from '../../shared/runtime/command-line/read-link.ts';
import type { CommandLineDeps } from '../../shared/runtime/config/command-line.ts';
import type { ConcentratorConfig } from '../config/concentrator-config.ts';
import type { ClientSettings } from './client-settings.ts';
import type { UsageOptions } from './client-usage.ts';

export const QR = "show the link as a QR code, too, for a phone's camera";

const AS = ['--as <name>', 'what the client is to call this concentrator, beside others'] as const;

interface AddOptions {
  readonly qr?: true;
  readonly as?: string;
  readonly also?: string;
}

/** The options of `client add` and `client set`: flags, and what they say. */
const SETTINGS: readonly (readonly [flags: string, text: string])[] = [
  ['--label <text>', 'what people call it'],
  ['--expires <time>', 'until when it may connect: a day, a time with its zone, or from now on such as 30d'],
  ['--rate-limit <rate>', 'for all its connections together, each way, such as 20Mbit/s'],
  ['--quota <size>', 'what it may carry in a calendar month (UTC), both ways together, such as 100GB'],
  [
    '--at-quota <what>',
    'when that is used up: refuse new connections (the default), or the rate for all, such as 1Mbit/s',
  ],
  ['--publish <ports>', 'ports of this machine that it may publish, such as 443,8000-8010'],
  ['--allow <rules>', 'special addresses that are opened to it as well, such as 10.1.0.0/16,10.2.0.7:22'],
  ['--deny <rules>', 'origins that it may not reach, such as *:25'],
  ['--only <rules>', 'origins that alone it may reach, such as *.example.org:443'],
];

/** What reads and changes the list of clients. */
export function addClientCommands(
  program: Command,
  loaded: () => Promise<ConcentratorConfig>,
  deps: CommandLineDeps & LinkDeps,
): void {
  const clients = () => import('./clients.ts');
  const client = program.command('client').description('the clients that may connect');
  const add = client
    .command('add')
    .argument('<name>')
    .description('add a client, and print its link')
    .option('--qr', QR)
    .option(...AS)
    .option(
      '--also <link>',
      'of the same machine at another concentrator: a file that has the link, or "-" for standard input; one text with both is printed',
    )
    .action(async (name: string, { as, also, ...options }: ClientSettings & AddOptions) => {
      const { addClient } = await clients();
      const { otherLinks } = await import('./other-links.ts');
      const others = await otherLinks(also, deps);
      await addClient(name, { ...options, as, others }, await loaded(), deps);
    });
  const set = client
    .command('set')
    .argument('<name>')
    .description('change what a client may do; "none" takes a thing back')
    .action(async (name: string, settings: ClientSettings) =>
      (await clients()).setClient(name, settings, await loaded(), deps),
    );
  for (const [flags, text] of SETTINGS) {
    add.option(flags, text);
    set.option(flags, text);
  }
  client
    .command('publish')
    .argument('<name>')
    .argument('<ports>', 'such as 443,8000-8010; or none')
    .description('set which ports of this machine a client may publish')
    .action(async (name: string, publish: string) =>
      (await clients()).setClient(name, { publish }, await loaded(), deps),
    );
  client
    .command('rotate')
    .argument('<name>')
    .description('give a client another key beside its own, and print the new link')
    .option('--finish', 'end that: the old key is not good any more')
    .option('--qr', QR)
    .action(async (name: string, { finish, qr }: { finish?: true; qr?: true }) => {
      const { finishRotation, rotateClient } = await clients();
      if (finish) await finishRotation(name, await loaded(), deps);
      else await rotateClient(name, qr ? { qr } : {}, await loaded(), deps);
    });
  client
    .command('list')
    .description('list the clients and what they may do, without their keys')
    .option('--json', 'all of it, for programs')
    .action(async (options: { json?: true }) => (await clients()).listClients(options, await loaded(), deps));
  for (const [command, text] of [
    ['remove', 'remove a client; its sessions end'],
    ['revoke', 'the same as remove'],
  ] as const) {
    client
      .command(command)
      .argument('<name>')
      .description(text)
      .action(async (name: string) => (await clients()).removeClient(name, await loaded(), deps));
  }
  addImport(client, loaded, deps);
  client
    .command('usage')
    .argument('[name]')
    .description('print what clients have carried in a month, the largest first')
    .option('--month <month>', 'such as 2026-11, in UTC (this month if none is given)')
    .option('--json', 'for programs, in bytes')
    .action(async (name: string | undefined, options: UsageOptions) => {
      const { printUsage } = await import('./client-usage.ts');
      await printUsage(name, options, await loaded(), deps);
    });
}

function addImport(client: Command, loaded: () => Promise<ConcentratorConfig>, deps: CommandLineDeps): void {
  client
    .command('import')
    .argument(
      '<file>',
      'as clients.yaml, or a .csv file whose first line names its keys; an entry without a key gets one, and its link is printed',
    )
    .description('add the clients of a file, all or none')
    .option('--update', 'clients that are there already get what the file says of them')
    .option(...AS)
    .action(async (file: string, options: { update?: true; as?: string }) => {
      const { importClients } = await import('./import-clients.ts');
      await importClients(file, options, await loaded(), deps);
    });
}
