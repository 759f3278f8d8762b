import { resolve } from 'node:path';
import * as z from 'zod';
import { type CommandLineDeps, UsageError } from '../../shared/runtime/config/command-line.ts';
import { ConfigError, type ConfigProblem } from '../../shared/runtime/config/config-error.ts';
import { parseConfig } from '../../shared/runtime/config/parse-config.ts';
import { YamlSource } from '../../shared/runtime/config/yaml-source.ts';
import { readTextFile } from '../../shared/runtime/files/read-file.ts';
import { formatClientKey } from '../../shared/runtime/identity/client-key.ts';
import { formatLink } from '../../shared/runtime/identity/link.ts';
import { hasExpired } from '../clients/client-list.ts';
import { clientSchema, type ListedClient } from '../config/client-schema.ts';
import { MAX_CLIENTS_FILE_BYTES } from '../config/clients-file.ts';
import type { ConcentratorConfig } from '../config/concentrator-config.ts';
import { readPlainYaml } from '../config/plain-yaml.ts';
import { linkOf, newClient, refuseWithoutAddress, withStore } from './clients.ts';
import { csvClients } from './csv-clients.ts';

export interface ImportOptions {
  /** Clients that are there already get what the file says of them, but keep their keys where it has none. */
  readonly update?: true;
  /** What the clients are to call this concentrator, in their links. */
  readonly as?: string;
}

/**
 * Adds the clients of a file in one step; the file is as clients.yaml, or a table (`.csv`), and may leave keys out. Prints the links of those that get
 * a key here. Throws UsageError or ConfigError.
 */
export async function importClients(
  name: string,
  { update, as }: ImportOptions,
  config: ConcentratorConfig,
  deps: CommandLineDeps,
): Promise<void> {
  const { clients, keyless } = await readImport(resolve(deps.cwd, name), deps.now());
  if (keyless.size > 0) refuseWithoutAddress(config);
  const added: ListedClient[] = [];
  await withStore(config, deps, async (store) => {
    const ids = clients.map(({ id }) => id);
    await store.update(ids, (found) => {
      added.length = 0;
      const there = ids.filter((id) => found.has(id));
      if (there.length > 0 && !update) {
        const few = there.slice(0, 5).join(', ');
        throw new UsageError(
          `${there.length} of these clients are there already (${few}${there.length > 5 ? ', ...' : ''}): ` +
            'with --update they get what the file says',
        );
      }
      const put = clients.map((client) => {
        const before = found.get(client.id);
        if (before === undefined && keyless.has(client.id)) added.push(client);
        return before !== undefined && keyless.has(client.id) ? { ...client, ...keysOf(before) } : client;
      });
      return { put };
    });
    for (const client of added) deps.stdout(`${client.id}\t${formatLink(linkOf(client, config, as))}\n`);
    const links =
      added.length === 0 ? '' : `, ${added.length} with a new key, whose links are above: they are secrets`;
    const expired = clients.filter((client) => hasExpired(client, deps.now().getTime())).length;
    const past = expired === 0 ? '' : `${expired} of them have expired already, and may not connect.\n`;
    deps.stderr(`${clients.length} clients are in ${store.place}${links}.\n${past}${store.hint}`);
  });
}

/** Both keys while it changes from one to the other, and since when it has them. */
function keysOf({ key, oldKey, created, rotated }: ListedClient): Partial<ListedClient> {
  return {
    key,
    ...(oldKey === undefined ? {} : { oldKey }),
    ...(created === undefined ? {} : { created }),
    ...(rotated === undefined ? {} : { rotated }),
  };
}

/** What is looked at of an entry before it has a key. */
const ENTRIES = z.array(z.looseObject({ id: z.unknown().optional(), key: z.unknown().optional() }));

type Entry = z.output<typeof ENTRIES>[number];

/** The entries of a file, and where something is that is wrong with one of them. */
interface FoundEntries {
  readonly entries: readonly Entry[];
  problemAt(index: number, path: readonly (string | number)[], message: string): ConfigProblem;
}

async function readImport(file: string, now: Date) {
  const read = await readTextFile(file, MAX_CLIENTS_FILE_BYTES);
  if ('problem' in read)
    throw new ConfigError([{ file, line: 1, column: 1, path: '', message: read.problem }]);
  const found = /\.csv$/i.test(file) ? inTable(read.text, file) : inYaml(read.text, file);
  const keyless = new Set<string>();
  const seen = new Set<string>();
  const clients = found.entries.map((entry, index) => {
    const { key, created } = newClient(typeof entry.id === 'string' ? entry.id : '', now);
    if (seen.has(String(entry.id)))
      throw new UsageError(`${file}: the client ${String(entry.id)} stands there twice`);
    seen.add(String(entry.id));
    if (entry.key === undefined) keyless.add(String(entry.id));
    const whole = { created, ...entry, key: entry.key ?? formatClientKey(key) };
    const parsed = clientSchema.safeParse(whole);
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    const path = (issue?.path ?? []) as string[];
    throw new ConfigError([found.problemAt(index, path, issue?.message ?? 'not understood here')]);
  });
  return { clients, keyless };
}

function inYaml(text: string, file: string): FoundEntries {
  const source = () => new YamlSource(text, file, MAX_CLIENTS_FILE_BYTES);
  const entries = ENTRIES.safeParse(readPlainYaml(text) ?? source().value);
  if (!entries.success) return parseConfig(source(), z.never());
  return {
    entries: entries.data,
    problemAt: (index, path, message) => source().problem([index, ...path], message),
  };
}

function inTable(text: string, file: string): FoundEntries {
  const clients = csvClients(text, file);
  if ('message' in clients) throw new ConfigError([clients]);
  return {
    entries: clients.map(({ entry }) => entry),
    problemAt: (index, path, message) => ({
      ...{ file, line: clients[index]!.line, column: 1, message },
      path: path.filter((part) => typeof part === 'string').join('.'),
    }),
  };
}
