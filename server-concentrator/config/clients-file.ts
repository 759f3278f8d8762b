import { Document, isMap, isSeq, type YAMLMap, type YAMLSeq } from 'yaml';
import * as z from 'zod';
import { ConfigError } from '../../shared/runtime/config/config-error.ts';
import { parseConfig } from '../../shared/runtime/config/parse-config.ts';
import { YamlSource } from '../../shared/runtime/config/yaml-source.ts';
import {
  FileWriteError,
  type PrivateFileOptions,
  writePrivateFile,
} from '../../shared/runtime/files/private-file.ts';
import { readTextFile } from '../../shared/runtime/files/read-file.ts';
import { clientSchema, clientText, type ListedClient } from './client-schema.ts';
import { readPlainYaml } from './plain-yaml.ts';

/** More belong in a database. */
const MAX_CLIENTS = 100_000;
/** What so many entries need, with their settings. */
export const MAX_CLIENTS_FILE_BYTES = 32 * 1024 * 1024;

const HEADER = ` The clients that may connect: a name, a key and when it was added; oldKey is good as well while a client
 changes its key; publish lists the ports of this machine that may lead to the client, such as [443, "8000-8010"]. Written by
 "tributary-concentrator client add", "client set", "client rotate" and "client remove"; after a change by hand or by these
 commands, a running concentrator takes it over on SIGHUP. Whoever can read this file can connect: keep its mode
 at 0600, or 0640 with the group of the service. docs/clients.md has all that an entry may say.`;

const clientsSchema = z
  .array(clientSchema)
  .max(MAX_CLIENTS)
  .superRefine((clients, context) => {
    const seen = new Set<string>();
    for (const [index, { id }] of clients.entries()) {
      if (seen.has(id)) {
        context.addIssue({
          code: 'custom',
          path: [index, 'id'],
          message: 'a client of this name stands above',
        });
      }
      seen.add(id);
    }
  });

/** The list of clients that may connect, in a YAML file of its own. Changes keep its comments. */
export class ClientsFile {
  readonly #file: string;
  readonly clients: readonly ListedClient[];
  /** To parse it takes long, and who only reads the clients does not need it. */
  readonly #document: () => Document;

  private constructor(file: string, document: () => Document, clients: readonly ListedClient[]) {
    this.#file = file;
    this.#document = document;
    this.clients = clients;
  }

  /** A list without clients, not yet on disk. */
  static empty(file: string): ClientsFile {
    const document = new Document([]);
    document.commentBefore = HEADER;
    return new ClientsFile(file, () => document, []);
  }

  /** Throws ConfigError when the file cannot be read or has mistakes. */
  static async load(file: string): Promise<ClientsFile> {
    const read = await readTextFile(file, MAX_CLIENTS_FILE_BYTES);
    if ('problem' in read)
      throw new ConfigError([{ file, line: 1, column: 1, path: '', message: read.problem }]);
    const { text } = read;
    const plain = readPlainYaml(text);
    const clients = plain === undefined ? undefined : clientsSchema.safeParse(plain).data;
    if (clients !== undefined)
      return new ClientsFile(
        file,
        () => new YamlSource(text, file, MAX_CLIENTS_FILE_BYTES).document,
        clients,
      );
    const source = new YamlSource(text, file, MAX_CLIENTS_FILE_BYTES);
    // A file of comments alone is an empty list.
    if (source.value === null) return new ClientsFile(file, () => emptied(source.document), []);
    return new ClientsFile(file, () => source.document, parseConfig(source, clientsSchema));
  }

  /**
   * The list with these clients, each in the place of one of the same name or at the end, and without those; nothing is written yet. Throws
   * FileWriteError where they are too many.
   */
  with(put: readonly ListedClient[], removed: readonly string[] = []): ClientsFile {
    const gone = new Set(removed);
    const clients = new Map(
      this.clients.filter(({ id }) => !gone.has(id)).map((client) => [client.id, client]),
    );
    for (const client of put) clients.set(client.id, client);
    if (clients.size > MAX_CLIENTS) throw this.#tooLarge(`${clients.size} clients`, `${MAX_CLIENTS}`);
    const document = this.#document().clone();
    const entries = document.contents as YAMLSeq;
    if (gone.size > 0) entries.items = entries.items.filter((item) => !gone.has(idOf(item)));
    if (put.length > 0) entries.flow = false;
    const byId = new Map(entries.items.map((item) => [idOf(item), item]));
    for (const client of put) {
      const before = byId.get(client.id);
      if (isMap(before)) setEntry(document, before, clientText(client));
      else entries.add(newEntry(document, clientText(client)));
    }
    return new ClientsFile(this.#file, () => document, [...clients.values()]);
  }

  /** Writes the list, readable by its owner alone, in one step. Throws FileWriteError, also for what could not be read again. */
  async write(options: PrivateFileOptions): Promise<void> {
    const text = this.#document().toString({ lineWidth: 0 });
    const bytes = Buffer.byteLength(text);
    if (bytes > MAX_CLIENTS_FILE_BYTES) throw this.#tooLarge(`${bytes} bytes`, `${MAX_CLIENTS_FILE_BYTES}`);
    await writePrivateFile(this.#file, text, options);
  }

  #tooLarge(size: string, most: string): FileWriteError {
    return new FileWriteError(
      `${this.#file} is left as it is: it would have ${size}, and could not be read with more than ${most}. So many clients ` +
        'belong in PostgreSQL: docs/clients.md',
    );
  }
}

function idOf(item: unknown): string {
  return isMap(item) ? String(item.get('id')) : '';
}

function newEntry(document: Document, text: Record<string, unknown>): YAMLMap {
  const entry = document.createNode({}) as YAMLMap;
  setEntry(document, entry, text);
  return entry;
}

/** Changes what is different, so that comments and the way in which the rest is written stay. */
function setEntry(document: Document, entry: YAMLMap, text: Record<string, unknown>): void {
  const before = entry.toJS(document) as Record<string, unknown>;
  for (const key of Object.keys(before)) if (!(key in text)) entry.delete(key);
  for (const [key, value] of Object.entries(text)) {
    if (JSON.stringify(before[key]) === JSON.stringify(value)) continue;
    entry.set(key, valueNode(document, key, value));
  }
}

/** Ports stand in one line, as by hand: `publish: [443, 8000-8010]`. */
function valueNode(document: Document, key: string, value: unknown): unknown {
  const node = document.createNode(value);
  if (key === 'publish') (node as YAMLSeq).flow = true;
  return node;
}

function emptied(document: Document.Parsed): Document {
  const list = new Document([]);
  list.commentBefore = document.comment ?? document.commentBefore ?? null;
  return isSeq(document.contents) ? document : list;
}
