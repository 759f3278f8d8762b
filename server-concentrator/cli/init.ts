import { isIPv6 } from 'node:net';
import { join, resolve } from 'node:path';
import { type Destination, formatDestination } from '../../shared/protocol/destination.ts';
import { HOST_PORT_FORMAT, parseHostPort } from '../../shared/runtime/address/host-port.ts';
import { isLoopback } from '../../shared/runtime/address/special-ranges.ts';
import { changeFile } from '../../shared/runtime/config/change-file.ts';
import { type CommandLineDeps, UsageError } from '../../shared/runtime/config/command-line.ts';
import { defaultConfigDirectory } from '../../shared/runtime/config/config-search.ts';
import { parseListenAddress } from '../../shared/runtime/config/schema-pieces.ts';
import { serviceGroupId } from '../../shared/runtime/config/service-group.ts';
import { startOrTell } from '../../shared/runtime/config/start-service.ts';
import { fileExists, removeFile, writePrivateFile } from '../../shared/runtime/files/private-file.ts';
import { generateCertificate } from '../../shared/runtime/identity/certificate.ts';
import { certificatePin } from '../../shared/runtime/identity/certificate-pin.ts';
import { formatLink } from '../../shared/runtime/identity/link.ts';
import { ClientsFile } from '../config/clients-file.ts';
import { DEFAULT_PORT } from '../config/load-concentrator-config.ts';
import { newClient } from './clients.ts';
import { CONCENTRATOR_CONFIG_NAME, CONCENTRATOR_SERVICE } from './command-defaults.ts';
import { concentratorConfigText } from './concentrator-config-text.ts';
import { type LinkOptions, printLink } from './print-link.ts';

/** The options of `init`, as they were written. */
export interface InitOptions extends LinkOptions {
  /** Of no use here: what is written is more than one file. */
  readonly config?: string;
  readonly public: readonly string[];
  readonly listen?: readonly string[];
  readonly directory?: string;
  readonly client: string;
  readonly force?: boolean;
  /** Has the service started at the end. */
  readonly start?: boolean;
}

/** Writes all that a concentrator needs, with a first client, and prints that client's link. Throws UsageError. */
export async function init(options: InitOptions, deps: CommandLineDeps): Promise<void> {
  if (options.config !== undefined) {
    throw new UsageError(
      'init writes several files: give their directory by --directory, not a file by --config',
    );
  }
  const listen = options.listen?.map(listenOption) ?? [];
  const publicAddresses = options.public.map((text) => publicOption(text, listen[0]?.port ?? DEFAULT_PORT));
  const client = newClient(options.client, deps.now());
  const directory = options.directory ? resolve(deps.cwd, options.directory) : defaultConfigDirectory(deps);
  const files = {
    key: join(directory, 'key.pem'),
    certificate: join(directory, 'certificate.pem'),
    clients: join(directory, 'clients.yaml'),
    config: join(directory, CONCENTRATOR_CONFIG_NAME),
  };
  const groupId = await serviceGroupId(CONCENTRATOR_SERVICE, files.config, deps);
  const overwrite = { overwrite: options.force === true, groupId };
  const identity = await generateCertificate(deps.now());
  // The lock of those that add clients, so that none is added meanwhile.
  await changeFile(files.clients, deps, async () => {
    if (!options.force) await refuseExisting(files);
    const write = async () => {
      await writePrivateFile(files.key, identity.key, overwrite);
      await writePrivateFile(files.certificate, identity.certificate, overwrite);
      await ClientsFile.empty(files.clients).with([client]).write(overwrite);
      // Last: with it there, all that it names is there too.
      await writePrivateFile(files.config, concentratorConfigText({ listen, publicAddresses }), overwrite);
    };
    // Nothing of it was there before: it can be run again.
    await (options.force ? write() : allOrNone(Object.values(files), write));
  });

  for (const file of Object.values(files)) deps.stderr(`Wrote ${file}\n`);
  const pin = certificatePin(identity.certificate);
  const link = formatLink({
    clientId: client.id,
    clientKey: client.key,
    addresses: publicAddresses,
    pins: [pin],
  });
  await printLink(link, client, options, deps);
  deps.stderr(portAdvice(listen, publicAddresses, files.config));
  deps.stderr(firewallAdvice(listen));
  const service = groupId === undefined ? undefined : CONCENTRATOR_SERVICE;
  const command = `tributary-concentrator --config ${files.config}`;
  deps.stderr(`${await startOrTell(options.start === true, service, command)}\n`);
}

/** Which ports to open; empty where the concentrator is reached from this machine alone. */
function firewallAdvice(listenOptions: readonly Destination[]): string {
  const listen = listenOptions.length === 0 ? atAllAddresses(DEFAULT_PORT) : listenOptions;
  const ports = new Set(listen.filter(({ host }) => !isLoopback(host)).map(({ port }) => port));
  if (ports.size === 0) return '';
  return `Let port ${[...ports].join(', ')} in, for TCP and UDP; "tributary-concentrator doctor" says how\n`;
}

/** What to do where clients come to ports that the concentrator does not listen at; empty where they do not. */
function portAdvice(
  listenOptions: readonly Destination[],
  publicAddresses: readonly Destination[],
  file: string,
): string {
  const listen = listenOptions.length === 0 ? atAllAddresses(DEFAULT_PORT) : listenOptions;
  const ports = new Set(listen.map(({ port }) => port));
  const missed = publicAddresses.filter(({ port }) => !ports.has(port));
  if (missed.length === 0) return '';
  const missedPorts = [...new Set(missed.map(({ port }) => port))];
  // With what it listens at now: clients may come there, too.
  const all = [...listen, ...missedPorts.flatMap(atAllAddresses)].map(
    (address) => `"${formatDestination(address)}"`,
  );
  return (
    `Clients come to ${missed.map(formatDestination).join(', ')}, and the concentrator listens at port ${[...ports].join(', ')}. ` +
    `Unless something in between leads one to the other, set listen: [${all.join(', ')}] in ${file}\n`
  );
}

function atAllAddresses(port: number): readonly Destination[] {
  return ['0.0.0.0', '::'].map((host) => ({ host, port }));
}

/** Removes all of the files where something fails that writes them. Rejects as that does. */
async function allOrNone(files: readonly string[], write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    for (const file of files) await removeFile(file).catch(() => undefined);
    throw error;
  }
}

async function refuseExisting(
  files: Readonly<Record<'config' | 'key' | 'certificate' | 'clients', string>>,
): Promise<void> {
  const existing: string[] = [];
  for (const file of Object.values(files)) if (await fileExists(file)) existing.push(file);
  if (existing.length === 0) return;
  const advice = existing.includes(files.config)
    ? 'A further client: tributary-concentrator client add NAME\n' +
      'To start anew, --force replaces these files; links given out before then stop working.'
    : `There is no ${files.config}: unless they are yours, they are left of an "init" that did not come to its end. Then\n` +
      `rm ${existing.join(' ')}\nand run this again.`;
  throw new UsageError(`there already: ${existing.join(', ')}\n${advice}`);
}

function listenOption(text: string): Destination {
  const address = parseListenAddress(text);
  if (address) return address;
  throw new UsageError('--listen expects ADDRESS:PORT, for example 0.0.0.0:443 or "[::]:443"');
}

function publicOption(text: string, defaultPort: number): Destination {
  const address = parseHostPort(isIPv6(text) ? `[${text}]` : text, defaultPort);
  if (address) return address;
  throw new UsageError(`--public expects ${HOST_PORT_FORMAT} (the port may be left out)`);
}
