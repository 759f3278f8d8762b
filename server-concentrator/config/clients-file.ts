import { Document, isMap, isSeq, type YAMLSeq } from 'yaml';
import { z } from 'zod';
import { ConfigError } from '../../shared/runtime/config/config-error.ts';
import { parseConfig } from '../../shared/runtime/config/parse-config.ts';
import { clientId, clientKey, textAs } from '../../shared/runtime/config/schema-pieces.ts';
import { MAX_CONFIG_BYTES, YamlSource } from '../../shared/runtime/config/yaml-source.ts';
import { writePrivateFile } from '../../shared/runtime/files/private-file.ts';
import { readTextFile } from '../../shared/runtime/files/read-file.ts';
import { formatClientKey } from '../../shared/runtime/identity/client-key.ts';
import type { ClientEntry } from './concentrator-config.ts';

/** A client as listed in the file. */
export interface ListedClient extends ClientEntry {
  /** When it was added, ISO 8601; absent in an entry written by hand. */
  readonly created?: string;
}

/** What a megabyte of entries has room for, about. */
const MAX_CLIENTS = 8192;

const HEADER = ` The clients that may connect: a name, a key and when it was added.
 Written by "tributary-concentrator client add" and "client revoke"; after a change by hand or by these commands,
 a running concentrator takes it over on SIGHUP. Whoever can read this file can connect: keep its mode at 0600.`;

const clientsSchema = z
  .array(
    z.strictObject({
      id: clientId,
      key: clientKey,
      created: textAs('a date and time, for example "2025-01-31T12:00:00Z"', (value) =>
        Number.isNaN(Date.parse(value)) ? undefined : value,
      ).optional(),
    }),
  )
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
  readonly #document: Document;

  private constructor(file: string, document: Document, clients: readonly ListedClient[]) {
    this.#file = file;
    this.#document = document;
    this.clients = clients;
  }

  /** A list without clients, not yet on disk. */
  static empty(file: string): ClientsFile {
    const document = new Document([]);
    document.commentBefore = HEADER;
    return new ClientsFile(file, document, []);
  }

  /** Throws ConfigError when the file cannot be read or has mistakes. */
  static async load(file: string): Promise<ClientsFile> {
    const read = await readTextFile(file, MAX_CONFIG_BYTES);
    if ('problem' in read)
      throw new ConfigError([{ file, line: 1, column: 1, path: '', message: read.problem }]);
    const source = new YamlSource(read.text, file);
    // A file of comments alone is an empty list.
    if (source.value === null) return new ClientsFile(file, emptied(source.document), []);
    const clients = parseConfig(source, clientsSchema).map(({ id, key, created }) => ({
      id,
      key,
      ...(created === undefined ? {} : { created }),
    }));
    return new ClientsFile(file, source.document, clients);
  }

  /** The list with one client more; nothing is written yet. The name must be new. */
  with(client: Required<ListedClient>): ClientsFile {
    const document = this.#document.clone();
    const entries = document.contents as YAMLSeq;
    entries.flow = false;
    entries.add(document.createNode({ ...client, key: formatClientKey(client.key) }));
    return new ClientsFile(this.#file, document, [...this.clients, client]);
  }

  /** The list without one client; nothing is written yet. */
  without(id: string): ClientsFile {
    const document = this.#document.clone();
    const entries = document.contents as YAMLSeq;
    entries.items = entries.items.filter((item) => !isMap(item) || item.get('id') !== id);
    return new ClientsFile(
      this.#file,
      document,
      this.clients.filter((client) => client.id !== id),
    );
  }

  /** Writes the list, readable by its owner alone, in one step. */
  async write(options: { readonly overwrite: boolean }): Promise<void> {
    await writePrivateFile(this.#file, this.#document.toString({ lineWidth: 0 }), options);
  }
}

function emptied(document: Document.Parsed): Document {
  const list = new Document([]);
  list.commentBefore = document.comment ?? document.commentBefore ?? null;
  return isSeq(document.contents) ? document : list;
}
