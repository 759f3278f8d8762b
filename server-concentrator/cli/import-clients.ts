import { resolve } from 'node:path';
import * as z from 'zod';
import { type CommandLineDeps, UsageError } from '../../shared/runtime/config/command-line.ts';
import { ConfigError, type ConfigProblem } from '../../shared/runtime/config/config-error.ts';
import { parseConfig } from '../../shared/runtime/config/parse-config.ts';
import { YamlSource } from '../../shared/runtime/config/yaml-source.ts';
import { readTextFile } from '../../shared/runtime/files/read-file.ts';
import { CLIENT_ID_FORMAT, isClientId } from '../../shared/runtime/identity/client-id.ts';
import { formatClientKey } from '../../shared/runtime/identity/client-key.ts';
import { formatLink } from '../../shared/runtime/identity/link.ts';
import { hasExpired } from '../clients/client-list.ts';
import type { ClientStore, FoundClients } from '../clients/client-store.ts';
import { clientSchema, type ListedClient } from '../config/client-schema.ts';
import { MAX_CLIENTS_FILE_BYTES } from '../config/clients-file.ts';
import type { ConcentratorConfig } from '../config/concentrator-config.ts';
import { readPlainYaml } from '../config/plain-yaml.ts';
import { linkOf, newClient, refuseWithoutAddress, withStore } from './clients.ts';
import { csvClients } from './csv-clients.ts';
import { type ImportEntry, overColumns, withKeysOf } from './imported-client.ts';

export interface ImportOptions {
  /**
   * Clients that are there already get what the file says of them, but keep their keys where it has none, and what a table has no columns
   * for.
   */
  readonly update?: true;
  /** What the clients are to call this concentrator, in their links. */
  readonly as?: string;
}

/**
 * Adds the clients of a file in one step; the file is as clients.yaml, known-clients.json, or a table (`.csv`), and may leave keys out. Prints the links of those that get
 * a key here. Throws UsageError or ConfigError.
 */
export async function importClients(
  name: string,
  { update, as }: ImportOptions,
  config: ConcentratorConfig,
  deps: CommandLineDeps,
): Promise<void> {
  const { entries, columns, problemAt } = await readImport(resolve(deps.cwd, name));
  if (entries.some(({ key }) => key === undefined)) refuseWithoutAddress(config);
  const added: ListedClient[] = [];
  const clients: ListedClient[] = [];
  const importing = async (store: ClientStore) => {
    const ids = entries.map(({ id }) => id);
    let there: readonly string[] = [];
    await store.update(ids, (found) => {
      there = ids.filter((id) => found.has(id));
      if (there.length > 0 && !update) {
        const few = there.slice(0, 5).join(', ');
        throw new UsageError(
          `${there.length} of these clients are there already (${few}${there.length > 5 ? ', ...' : ''}): ` +
            'with --update they get what the file says',
        );
      }
      for (const [index, entry] of entries.entries()) {
        const { key, created } = newClient(entry.id, deps.now());
        const whole = { created, key: formatClientKey(key), ...completed(entry, found, columns) };
        const parsed = clientSchema.safeParse(whole);
        if (!parsed.success) {
          const [issue] = parsed.error.issues;
          const path = (issue?.path ?? []) as string[];
          throw new ConfigError([problemAt(index, path, issue?.message ?? 'not understood here')]);
        }
        clients.push(parsed.data);
        if (entry.key === undefined && !found.has(entry.id)) added.push(parsed.data);
      }
      return { put: clients };
    });
    for (const client of added) deps.stdout(`${client.id}\t${formatLink(linkOf(client, config, as))}\n`);
    const links =
      added.length === 0 ? '' : `, ${added.length} with a new key, whose links are above: they are secrets`;
    const expired = clients.filter((client) => hasExpired(client, deps.now().getTime())).length;
    const past = expired === 0 ? '' : `${expired} of them have expired already, and may not connect.\n`;
    const replaced =
      there.length === 0 || columns !== undefined
        ? ''
        : `${there.length} of them were there already, and have what the file says of them alone.\n`;
    deps.stderr(`${clients.length} clients are in ${store.place}${links}.\n${replaced}${past}${store.hint}`);
  };
  await withStore(config, deps, importing, { adds: true });
}

/** The entry with what a client that is there keeps. */
function completed(entry: Entry, found: FoundClients, columns: ReadonlySet<string> | undefined): ImportEntry {
  // What is replaced as a whole need not be read.
  if (columns === undefined && entry.key !== undefined) return entry;
  const before = found.get(entry.id);
  if (before === undefined) return entry;
  return columns === undefined ? withKeysOf(before, entry) : overColumns(before, entry, columns);
}

const ENTRIES = z.array(z.looseObject({}));
/** What a concentrator keeps of a database (`known-clients.json`): the way back from it to a file. */
const KNOWN = z.strictObject({ database: z.string(), clients: ENTRIES });

/** What a file says of a client that it names. */
type Entry = ImportEntry & { readonly id: string };

/** The entries of a file, and where something is that is wrong with one of them. */
interface FoundEntries<E = ImportEntry> {
  readonly entries: readonly E[];
  /** Of a table. */
  readonly columns?: ReadonlySet<string>;
  problemAt(index: number, path: readonly (string | number)[], message: string): ConfigProblem;
}

/** Throws ConfigError. */
async function readImport(file: string): Promise<FoundEntries<Entry>> {
  const read = await readTextFile(file, MAX_CLIENTS_FILE_BYTES);
  if ('problem' in read)
    throw new ConfigError([{ file, line: 1, column: 1, path: '', message: read.problem }]);
  const found = /\.csv$/i.test(file) ? inTable(read.text, file) : inYaml(read.text, file);
  const seen = new Set<unknown>();
  for (const [index, { id }] of found.entries.entries()) {
    const message = seen.has(id) ? `the client ${String(id)} stands there twice` : faultOfName(id);
    if (message !== undefined) throw new ConfigError([found.problemAt(index, ['id'], message)]);
    seen.add(id);
  }
  return { ...found, entries: found.entries as readonly Entry[] };
}

function faultOfName(id: unknown): string | undefined {
  if (typeof id === 'string' && isClientId(id)) return undefined;
  const isNumber = typeof id === 'number';
  return `expected ${CLIENT_ID_FORMAT}${isNumber ? '; a name that looks like a number needs quotation marks' : ''}`;
}

function inYaml(text: string, file: string): FoundEntries {
  const source = () => new YamlSource(text, file, MAX_CLIENTS_FILE_BYTES);
  const value = (text.startsWith('{') ? inJson(text) : readPlainYaml(text)) ?? source().value;
  const known = KNOWN.safeParse(value).data?.clients;
  const entries = known ?? ENTRIES.safeParse(value).data;
  if (entries === undefined) return parseConfig(source(), z.never());
  const place = known === undefined ? [] : ['clients'];
  return {
    entries,
    problemAt: (index, path, message) => source().problem([...place, index, ...path], message),
  };
}

/** @returns undefined for what is none. The YAML library, which takes that too, takes a second for ten thousand clients. */
function inJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function inTable(text: string, file: string): FoundEntries {
  const table = csvClients(text, file);
  if ('message' in table) throw new ConfigError([table]);
  const { clients, columns } = table;
  return {
    entries: clients.map(({ entry }) => entry),
    columns: new Set(columns),
    problemAt: (index, path, message) => ({
      ...{ file, line: clients[index]!.line, column: 1, message },
      path: path.filter((part) => typeof part === 'string').join('.'),
    }),
  };
}
