import { changeFile } from '../../shared/runtime/config/change-file.ts';
import type { CommandLineDeps } from '../../shared/runtime/config/command-line.ts';
import { UsageError } from '../../shared/runtime/config/command-line.ts';
import { formatPortRange, type PortRange, parsePortRange } from '../../shared/runtime/config/ranges.ts';
import type { HeldLock } from '../../shared/runtime/files/file-lock.ts';
import { certificatePin } from '../../shared/runtime/identity/certificate-pin.ts';
import { CLIENT_ID_FORMAT, isClientId } from '../../shared/runtime/identity/client-id.ts';
import { generateClientKey } from '../../shared/runtime/identity/client-key.ts';
import {
  ClientsFile,
  type ListedClient,
  MAX_PUBLISHED_RANGES,
  type NewClient,
} from '../config/clients-file.ts';
import type { ClientEntry, ConcentratorConfig } from '../config/concentrator-config.ts';
import { type LinkOptions, linkOfAll, printLink, printQrCode } from './print-link.ts';

/**
 * Adds a client with a new key to the clients file, and prints its link. Throws UsageError.
 *
 * @param publish the ports that it may publish, as they were written
 */
export async function addClient(
  id: string,
  { publish, ...shown }: { readonly publish?: string } & LinkOptions,
  config: ConcentratorConfig,
  deps: CommandLineDeps,
): Promise<void> {
  const granted = publish === undefined ? {} : { publish: portsFrom(publish) };
  const client = { ...newClient(id, deps.now()), ...granted };
  refuseWithoutAddress(config);
  // What is wrong with the options is told before anything changes.
  linkOf(client, config, shown);
  await changeClients(config, deps, (file) => {
    if (file.clients.some((entry) => entry.id === id)) {
      throw new UsageError(
        `there is a client ${id} already: revoke it first, choose another name, or give it another key by "client rotate"`,
      );
    }
    return file.with(client);
  });
  await printLink(linkOf(client, config, shown), client, shown, deps);
  deps.stderr(RELOAD_HINT);
}

/**
 * Gives a client another key, beside which the one of before stays good, and prints the new link. While it is changing its key
 * already the link of that is printed again: it may have been lost on the way. Throws UsageError.
 */
export async function rotateClient(
  id: string,
  { qr }: LinkOptions,
  config: ConcentratorConfig,
  deps: CommandLineDeps,
): Promise<void> {
  refuseWithoutAddress(config);
  const next = newClient(id, deps.now());
  let isChanging = false;
  const file = await changeClients(config, deps, (before) => {
    isChanging = listed(before, id).oldKey !== undefined;
    return isChanging ? before : before.rotate(id, next.key, next.created);
  });
  deps.stderr(
    `${id} has a second key ${isChanging ? 'already' : 'now'}; the first stays good. First let a running concentrator take it over: ` +
      'systemctl reload tributary-concentrator\n' +
      `Then on that machine run "tributary-client join --update" with the link that follows, and reload the client. ` +
      `Last, here: "client rotate ${id} --finish". The link is a secret: whoever has it can connect.\n`,
  );
  const link = linkOf(listed(file, id), config);
  deps.stdout(`${link}\n`);
  if (qr) await printQrCode(link, deps);
}

/** Ends the change of a client's key: that of before is not good any more. Throws UsageError. */
export async function finishRotation(
  id: string,
  config: ConcentratorConfig,
  deps: CommandLineDeps,
): Promise<void> {
  await changeClients(config, deps, (file) => {
    if (listed(file, id).oldKey === undefined) throw new UsageError(`${id} has one key only`);
    return file.finish(id);
  });
  deps.stderr(
    `Removed the old key of ${id}. Its sessions go on if it has used the new key in them.\n${RELOAD_HINT}`,
  );
}

/** Sets which ports a client may publish, in place of those of before. Throws UsageError. */
export async function grantPorts(
  id: string,
  ports: string,
  config: ConcentratorConfig,
  deps: CommandLineDeps,
): Promise<void> {
  const publish = portsFrom(ports);
  await changeClients(config, deps, (file) => {
    listed(file, id);
    return file.grant(id, publish);
  });
  deps.stderr(`${id} may publish ${portsText(publish)}.\n${RELOAD_HINT}`);
}

/** Prints names, dates and ports, never keys. */
export async function listClients(config: ConcentratorConfig, deps: CommandLineDeps): Promise<void> {
  const { clients } = await ClientsFile.load(config.clientsFile);
  for (const { id, created, publish = [], oldKey, rotated } of clients) {
    const ports = publish.length === 0 ? '' : `  may publish ${portsText(publish)}`;
    const change = oldKey === undefined ? '' : `  changing its key since ${rotated ?? 'some time'}`;
    deps.stdout(`${id.padEnd(32)}  ${created ?? '-'}${ports}${change}\n`);
  }
  if (clients.length === 0) deps.stderr('No clients: tributary-concentrator client add NAME\n');
}

/** Removes a client from the clients file. Throws UsageError. */
export async function revokeClient(
  id: string,
  config: ConcentratorConfig,
  deps: CommandLineDeps,
): Promise<void> {
  await changeClients(config, deps, (file) => {
    listed(file, id);
    return file.without(id);
  });
  deps.stderr(`Removed ${id} from ${config.clientsFile}.\n${RELOAD_HINT}`);
}

/** Replaces the list by what `change` makes of it, while no other command does. @returns the list as it is then */
async function changeClients(
  { clientsFile, file: namedIn }: ConcentratorConfig,
  deps: CommandLineDeps,
  change: (before: ClientsFile) => ClientsFile,
): Promise<ClientsFile> {
  const work = async (lock: HeldLock) => {
    const before = await ClientsFile.load(clientsFile);
    const after = change(before);
    if (after === before) return before;
    await lock.confirm();
    await after.write({ overwrite: true, namedIn });
    return after;
  };
  return changeFile(clientsFile, deps, work, namedIn);
}

/** A client with a new key. Throws UsageError for an impossible name. */
export function newClient(id: string, now: Date): NewClient {
  if (!isClientId(id)) throw new UsageError(`expected ${CLIENT_ID_FORMAT}`);
  return { id, key: generateClientKey(), created: `${now.toISOString().slice(0, 19)}Z` };
}

/** `443,8000-8010`, or `none`. Throws UsageError. */
function portsFrom(text: string): readonly PortRange[] {
  if (text === NO_PORTS) return [];
  const ranges = text.split(',').map((part) => parsePortRange(part.trim()));
  if (ranges.length > MAX_PUBLISHED_RANGES) {
    throw new UsageError(`at most ${MAX_PUBLISHED_RANGES} ports and ranges of them`);
  }
  return ranges.map((range) => {
    if (range !== undefined) return range;
    throw new UsageError(`expected ports and ranges of them such as "443,8000-8010", or "${NO_PORTS}"`);
  });
}

function portsText(ranges: readonly PortRange[]): string {
  return ranges.length === 0 ? 'no ports' : ranges.map(formatPortRange).join(', ');
}

const NO_PORTS = 'none';

/** The link of a client of this concentrator, with the pin of the certificate that is prepared, too. */
function linkOf(
  { id, key }: ClientEntry,
  { public: addresses, tls, nextCertificate }: ConcentratorConfig,
  options: LinkOptions = {},
): string {
  const certificates = nextCertificate === undefined ? [tls.certificate] : [tls.certificate, nextCertificate];
  return linkOfAll(
    { clientId: id, clientKey: key, addresses, pins: certificates.map(certificatePin) },
    options,
  );
}

function listed(file: ClientsFile, id: string): ListedClient {
  const client = file.clients.find((entry) => entry.id === id);
  if (client) return client;
  throw new UsageError('there is no client of this name: tributary-concentrator client list');
}

function refuseWithoutAddress(config: ConcentratorConfig): void {
  if (config.public.length > 0) return;
  const message = 'clients would not know where to connect: add "public: [HOST:PORT]" to';
  throw new UsageError(`${message} ${config.file}`);
}

const RELOAD_HINT =
  'A concentrator that runs takes this over on SIGHUP, for example: systemctl reload tributary-concentrator\n';
