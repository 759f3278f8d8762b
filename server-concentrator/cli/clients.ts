import { type CommandLineDeps, UsageError } from '../../shared/runtime/config/command-line.ts';
import { certificatePin } from '../../shared/runtime/identity/certificate-pin.ts';
import { CLIENT_ID_FORMAT, isClientId } from '../../shared/runtime/identity/client-id.ts';
import { formatClientKey, generateClientKey } from '../../shared/runtime/identity/client-key.ts';
import {
  CONCENTRATOR_NAME_FORMAT,
  formatLink,
  isConcentratorName,
  type JoinLink,
} from '../../shared/runtime/identity/link.ts';
import { hasExpired } from '../clients/client-list.ts';
import type { ClientStore, FoundClients } from '../clients/client-store.ts';
import { type ClientStoreOptions, openClientStore } from '../clients/open-client-store.ts';
import { formatExpiry } from '../config/client-expiry.ts';
import { clientText, type ListedClient } from '../config/client-schema.ts';
import type { ClientEntry, ConcentratorConfig } from '../config/concentrator-config.ts';
import { type ClientSettings, settingsText, withSettings } from './client-settings.ts';
import { linkText } from './other-links.ts';
import { type LinkOptions, printLink, printQrCode } from './print-link.ts';

/** What is said of a name that is not in the list. */
export const NOT_THERE = 'there is no client of this name: tributary-concentrator client list';

/** A client that is added now. */
type NewClient = Required<Pick<ListedClient, 'id' | 'key' | 'created'>>;

/** How the link of a new client is made and shown. */
export interface NewLinkOptions extends LinkOptions {
  /** What the client is to call this concentrator. */
  readonly as?: string | undefined;
  /** Of other concentrators of the same machine, which are printed before. */
  readonly others?: readonly JoinLink[];
}

/**
 * Adds a client with a new key to the list, and prints its link, or one text for several concentrators. Where these share the list, the client is
 * there with the key of a link of another one: then it stays as it is. Throws UsageError.
 */
export async function addClient(
  id: string,
  { qr, as, others = [], ...settings }: ClientSettings & NewLinkOptions,
  config: ConcentratorConfig,
  deps: CommandLineDeps,
): Promise<void> {
  const added = withSettings(newClient(id, deps.now()), settings, deps.now());
  refuseWithoutAddress(config);
  const linkFor = (client: ListedClient) => linkText(others, linkOf(client, config, as));
  linkFor(added);
  const adding = async (store: ClientStore) => {
    let client = added;
    await store.update([id], (found) => {
      if (!found.has(id)) return { put: [client] };
      const shared = others.length > 0 ? sharedBy(others, found.get(id)!) : undefined;
      if (shared === undefined) throw new UsageError(alreadyThere(id));
      if (Object.keys(settings).length > 0) throw new UsageError(sharedAlready(id));
      client = shared;
      return {};
    });
    const link = linkFor(client);
    if (client !== added) deps.stderr(`${id} is in ${store.place} with this key: nothing is added.\n`);
    if (others.length > 0)
      deps.stderr(`The link names ${others.length + 1} concentrators: paste all of its line.\n`);
    await printLink(link, client, qr ? { qr } : {}, deps);
    if (hasExpired(client, deps.now().getTime()))
      deps.stderr(`It may not connect: it has expired already (${formatExpiry(client.expiresMs!)}).\n`);
    deps.stderr(store.hint);
  };
  await withStore(config, deps, adding, { adds: true });
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
  const { key, created: rotated } = newClient(id, deps.now());
  await withStore(config, deps, async (store) => {
    let isChanging = false;
    let client: ListedClient | undefined;
    await store.update([id], (found) => {
      const before = listed(found, id);
      isChanging = before.oldKey !== undefined;
      client = isChanging ? before : { ...before, key, oldKey: before.key, rotated };
      return isChanging ? {} : { put: [client] };
    });
    const reload =
      store.hint === ''
        ? ''
        : 'First let a running concentrator take it over: systemctl reload tributary-concentrator\n';
    deps.stderr(
      `${id} has a second key ${isChanging ? 'already' : 'now'}; the first stays good. ${reload}` +
        `Then on that machine run "tributary-client join --update" with the link that follows, and reload the client. ` +
        `Last, here: "client rotate ${id} --finish". The link is a secret: whoever has it can connect.\n`,
    );
    const link = formatLink(linkOf(client!, config));
    deps.stdout(`${link}\n`);
    if (qr) await printQrCode(link, deps);
  });
}

/** Ends the change of a client's key: that of before is not good any more. Throws UsageError. */
export async function finishRotation(
  id: string,
  config: ConcentratorConfig,
  deps: CommandLineDeps,
): Promise<void> {
  await withStore(config, deps, async (store) => {
    await store.update([id], (found) => {
      const { oldKey, ...client } = listed(found, id);
      if (oldKey === undefined) throw new UsageError(`${id} has one key only`);
      return { put: [client] };
    });
    deps.stderr(
      `Removed the old key of ${id}. Its sessions go on if it has used the new key in them.\n${store.hint}`,
    );
  });
}

/** Changes what a client may do. Throws UsageError. */
export async function setClient(
  id: string,
  settings: ClientSettings,
  config: ConcentratorConfig,
  deps: CommandLineDeps,
): Promise<void> {
  if (Object.keys(settings).length === 0) throw new UsageError('nothing is to be set: see --help');
  await withStore(config, deps, async (store) => {
    let client: ListedClient | undefined;
    await store.update([id], (found) => {
      client = withSettings(listed(found, id), settings, deps.now());
      return { put: [client] };
    });
    deps.stderr(`${id}: ${settingsText(client!, deps.now()) || 'no settings'}\n${store.hint}`);
  });
}

/** Prints names, dates and settings, never keys. */
export async function listClients(
  { json }: { readonly json?: boolean },
  config: ConcentratorConfig,
  deps: CommandLineDeps,
): Promise<void> {
  const { clients, unreadable } = await withStore(config, deps, (store) => store.all());
  tellUnreadable(unreadable, deps);
  if (json) {
    const shown = clients.map((client) => {
      const { key: _, oldKey, ...text } = clientText(client);
      return { ...text, isChangingKey: oldKey !== undefined };
    });
    deps.stdout(`${JSON.stringify(shown, null, 2)}\n`);
    return;
  }
  for (const client of clients) {
    const settings = settingsText(client, deps.now());
    const line = `${client.id.padEnd(32)}  ${client.created ?? '-'}`;
    deps.stdout(`${line}${settings === '' ? '' : `  ${settings}`}\n`);
  }
  if (clients.length + unreadable.size === 0)
    deps.stderr('No clients: tributary-concentrator client add NAME\n');
}

/** Removes a client from the list. Throws UsageError. */
export async function removeClient(
  id: string,
  config: ConcentratorConfig,
  deps: CommandLineDeps,
): Promise<void> {
  await withStore(config, deps, async (store) => {
    await store.update([id], (found) => {
      if (!found.has(id)) throw new UsageError(NOT_THERE);
      return { remove: [id] };
    });
    deps.stderr(`Removed ${id} from ${store.place}.\n${store.hint}`);
  });
}

/** A terminal has no room for more. */
const MAX_TOLD = 20;

/** Says which clients cannot be read, and why. */
export function tellUnreadable(
  unreadable: ReadonlyMap<string, string>,
  { stderr }: Pick<CommandLineDeps, 'stderr'>,
): void {
  for (const [id, reason] of [...unreadable].slice(0, MAX_TOLD))
    stderr(`${id} cannot be read, and may not connect: ${reason}\n`);
  if (unreadable.size > MAX_TOLD) stderr(`and ${unreadable.size - MAX_TOLD} more\n`);
}

/** Opens the list for a command, and closes it after. */
export async function withStore<Result>(
  config: ConcentratorConfig,
  deps: CommandLineDeps,
  work: (store: ClientStore) => Promise<Result>,
  options: ClientStoreOptions = {},
): Promise<Result> {
  const store = await openClientStore(config, deps, options);
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

/** A client with a new key. Throws UsageError for an impossible name. */
export function newClient(id: string, now: Date): NewClient {
  if (!isClientId(id)) throw new UsageError(`expected ${CLIENT_ID_FORMAT}`);
  return { id, key: generateClientKey(), created: `${now.toISOString().slice(0, 19)}Z` };
}

/** What the link of a client of this concentrator says, with the pin of the certificate that is prepared, too. Throws UsageError. */
export function linkOf(
  { id, key }: Pick<ClientEntry, 'id' | 'key'>,
  { public: addresses, tls, nextCertificate }: ConcentratorConfig,
  name?: string,
): JoinLink {
  if (name !== undefined && !isConcentratorName(name))
    throw new UsageError(`--as expects ${CONCENTRATOR_NAME_FORMAT}`);
  const certificates = nextCertificate === undefined ? [tls.certificate] : [tls.certificate, nextCertificate];
  const pins = certificates.map(certificatePin);
  return { clientId: id, clientKey: key, addresses, pins, ...(name === undefined ? {} : { name }) };
}

/** Throws UsageError. */
export function refuseWithoutAddress(config: ConcentratorConfig): void {
  if (config.public.length > 0) return;
  const message = 'clients would not know where to connect: add "public: [HOST:PORT]" to';
  throw new UsageError(`${message} ${config.file}`);
}

/** The client with the key of a link of it to another concentrator, if that is one of its keys: then both have one list. */
function sharedBy(others: readonly JoinLink[], client: ListedClient): ListedClient | undefined {
  const keys = [client.key, client.oldKey].flatMap((key) =>
    key === undefined ? [] : [formatClientKey(key)],
  );
  const link = others.find(
    ({ clientId, clientKey }) => clientId === client.id && keys.includes(formatClientKey(clientKey)),
  );
  return link && { ...client, key: link.clientKey };
}

function alreadyThere(id: string): string {
  return `there is a client ${id} already: remove it first, choose another name, or give it another key by "client rotate"`;
}

/** Neither its key nor its name is to change: that would break the link to the other concentrator. */
function sharedAlready(id: string): string {
  return `the client ${id} is there with the key of this link, and keeps its settings: leave them out here, and change them by "client set"`;
}

function listed(found: FoundClients, id: string): ListedClient {
  const client = found.get(id);
  if (client) return client;
  throw new UsageError(NOT_THERE);
}
