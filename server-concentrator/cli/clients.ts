import type { CommandLineDeps } from '../../shared/runtime/config/command-line.ts';
import { UsageError } from '../../shared/runtime/config/command-line.ts';
import { certificatePin } from '../../shared/runtime/identity/certificate-pin.ts';
import { CLIENT_ID_FORMAT, isClientId } from '../../shared/runtime/identity/client-id.ts';
import { generateClientKey } from '../../shared/runtime/identity/client-key.ts';
import { formatLink } from '../../shared/runtime/identity/link.ts';
import { ClientsFile, type ListedClient } from '../config/clients-file.ts';
import type { ConcentratorConfig } from '../config/concentrator-config.ts';

/** Adds a client with a new key to the clients file, and prints its link. Throws UsageError. */
export async function addClient(
  id: string,
  config: ConcentratorConfig,
  deps: CommandLineDeps,
): Promise<void> {
  const client = newClient(id, deps.now());
  if (config.public.length === 0) {
    const message = 'clients would not know where to connect: add "public: [HOST:PORT]" to';
    throw new UsageError(`${message} ${config.file}`);
  }
  const file = await ClientsFile.load(config.clientsFile);
  if (file.clients.some((entry) => entry.id === id)) {
    throw new UsageError(`there is a client ${id} already: revoke it first, or choose another name`);
  }
  await file.with(client).write({ overwrite: true });
  const pin = certificatePin(config.tls.certificate);
  printLink(formatLink({ clientId: id, clientKey: client.key, addresses: config.public, pin }), client, deps);
  deps.stderr(RELOAD_HINT);
}

/** Prints names and dates, never keys. */
export async function listClients(config: ConcentratorConfig, deps: CommandLineDeps): Promise<void> {
  const { clients } = await ClientsFile.load(config.clientsFile);
  for (const { id, created } of clients) deps.stdout(`${id.padEnd(32)}  ${created ?? '-'}\n`);
  if (clients.length === 0) deps.stderr('No clients: tributary-concentrator client add NAME\n');
}

/** Removes a client from the clients file. Throws UsageError. */
export async function revokeClient(
  id: string,
  config: ConcentratorConfig,
  deps: CommandLineDeps,
): Promise<void> {
  const file = await ClientsFile.load(config.clientsFile);
  if (!file.clients.some((entry) => entry.id === id)) {
    throw new UsageError('there is no client of this name: tributary-concentrator client list');
  }
  await file.without(id).write({ overwrite: true });
  deps.stderr(`Removed ${id} from ${config.clientsFile}.\n${RELOAD_HINT}`);
}

/** A client with a new key. Throws UsageError for an impossible name. */
export function newClient(id: string, now: Date): Required<ListedClient> {
  if (!isClientId(id)) throw new UsageError(`expected ${CLIENT_ID_FORMAT}`);
  return { id, key: generateClientKey(), created: `${now.toISOString().slice(0, 19)}Z` };
}

/** The link alone goes to stdout, so that it can be piped; what to do with it to stderr. */
export function printLink(link: string, client: ListedClient, deps: CommandLineDeps): void {
  deps.stderr(
    `The link of ${client.id} follows. It is a secret: whoever has it can connect. On that machine run\n`,
  );
  deps.stderr("  tributary-client join 'LINK'\n");
  deps.stdout(`${link}\n`);
}

const RELOAD_HINT =
  'A concentrator that runs takes this over on SIGHUP, for example: systemctl reload tributary-concentrator\n';
