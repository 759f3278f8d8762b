import { Document, isMap, isSeq, type YAMLMap, type YAMLSeq } from 'yaml';
import { z } from 'zod';
import { ConfigError } from '../../shared/runtime/config/config-error.ts';
import { parseConfig } from '../../shared/runtime/config/parse-config.ts';
import { formatPortRange, type PortRange } from '../../shared/runtime/config/ranges.ts';
import { clientId, clientKey, portRange, textAs } from '../../shared/runtime/config/schema-pieces.ts';
import { MAX_CONFIG_BYTES, YamlSource } from '../../shared/runtime/config/yaml-source.ts';
import { type PrivateFileOptions, writePrivateFile } from '../../shared/runtime/files/private-file.ts';
import { readTextFile } from '../../shared/runtime/files/read-file.ts';
import { formatClientKey } from '../../shared/runtime/identity/client-key.ts';
import type { ClientEntry } from './concentrator-config.ts';

/** A client as listed in the file. */
export interface ListedClient extends ClientEntry {
  /** When it was added, ISO 8601; absent in an entry written by hand. */
  readonly created?: string;
  /** When its key was replaced. */
  readonly rotated?: string;
}

/** A client that is added now. */
export type NewClient = Required<Pick<ListedClient, 'id' | 'key' | 'created'>> &
  Pick<ListedClient, 'publish'>;

/** What a megabyte of entries has room for, about. */
const MAX_CLIENTS = 8192;

const HEADER = ` The clients that may connect: a name, a key and when it was added; oldKey is good as well while a client
 changes its key; publish lists the ports of this machine that may lead to the client, such as [443, "8000-8010"]. Written by
 "tributary-concentrator client add", "client publish", "client rotate" and "client revoke"; after a change by hand or by these
 commands, a running concentrator takes it over on SIGHUP. Whoever can read this file can connect: keep its mode
 at 0600, or 0640 with the group of the service.`;

const date = textAs('a date and time, for example "2025-01-31T12:00:00Z"', (value) =>
  Number.isNaN(Date.parse(value)) ? undefined : value,
);

/** Each publication is looked for in them. */
export const MAX_PUBLISHED_RANGES = 64;

const clientsSchema = z
  .array(
    z.strictObject({
      id: clientId,
      key: clientKey,
      oldKey: clientKey.optional(),
      publish: z.array(portRange).max(MAX_PUBLISHED_RANGES).optional(),
      created: date.optional(),
      rotated: date.optional(),
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
    const clients = parseConfig(source, clientsSchema).map(({ id, key, ...optional }) => ({
      id,
      key,
      ...given(optional),
    }));
    return new ClientsFile(file, source.document, clients);
  }

  /** The list with one client more; nothing is written yet. The name must be new. */
  with(client: NewClient): ClientsFile {
    const document = this.#document.clone();
    const entries = document.contents as YAMLSeq;
    entries.flow = false;
    const { publish, ...entry } = client;
    const node = document.createNode({ ...entry, key: formatClientKey(client.key) }) as YAMLMap;
    if (publish !== undefined) setPublished(document, node, publish);
    entries.add(node);
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

  /** The list with another key for a client, beside which the key of before is good until `finish`; nothing is written yet. */
  rotate(id: string, key: Uint8Array, rotated: string): ClientsFile {
    return this.#change(id, (entry, { key: oldKey }) => {
      entry.set('key', formatClientKey(key));
      entry.set('oldKey', formatClientKey(oldKey));
      entry.set('rotated', rotated);
      return { key, oldKey, rotated };
    });
  }

  /** The list without the old key of a client; nothing is written yet. */
  finish(id: string): ClientsFile {
    return this.#change(id, (entry) => {
      entry.delete('oldKey');
      return { oldKey: undefined };
    });
  }

  /** The list with other ports that a client may publish, or none; nothing is written yet. */
  grant(id: string, publish: readonly PortRange[]): ClientsFile {
    return this.#change(id, (entry, { oldKey }, document) => {
      setPublished(document, entry, publish);
      return { oldKey, publish };
    });
  }

  /** Writes the list, readable by its owner alone, in one step. */
  async write(options: PrivateFileOptions): Promise<void> {
    await writePrivateFile(this.#file, this.#document.toString({ lineWidth: 0 }), options);
  }

  #change(
    id: string,
    change: (entry: YAMLMap, client: ListedClient, document: Document) => Changes,
  ): ClientsFile {
    const document = this.#document.clone();
    const entry = (document.contents as YAMLSeq).items.find((item) => isMap(item) && item.get('id') === id);
    const clients = this.clients.map((client) => {
      if (client.id !== id) return client;
      const { oldKey, ...changed } = { ...client, ...change(entry as YAMLMap, client, document) };
      return { ...changed, ...(oldKey === undefined ? {} : { oldKey }) };
    });
    return new ClientsFile(this.#file, document, clients);
  }
}

type Changes = { readonly oldKey: Uint8Array | undefined } & Partial<
  Pick<ListedClient, 'key' | 'rotated' | 'publish'>
>;

/** In one line, as by hand: `publish: [443, 8000-8010]`. */
function setPublished(document: Document, entry: YAMLMap, publish: readonly PortRange[]): void {
  const ranges = publish.map((range) => (range.from === range.to ? range.from : formatPortRange(range)));
  const node = document.createNode(ranges) as YAMLSeq;
  node.flow = true;
  entry.set('publish', node);
}

type MaybeGiven = {
  readonly [Key in 'oldKey' | 'publish' | 'created' | 'rotated']?: ListedClient[Key] | undefined;
};

/** Without the keys that are not there. */
function given({ oldKey, publish, created, rotated }: MaybeGiven): Partial<ListedClient> {
  return {
    ...(oldKey === undefined ? {} : { oldKey }),
    ...(publish === undefined ? {} : { publish }),
    ...(created === undefined ? {} : { created }),
    ...(rotated === undefined ? {} : { rotated }),
  };
}

function emptied(document: Document.Parsed): Document {
  const list = new Document([]);
  list.commentBefore = document.comment ?? document.commentBefore ?? null;
  return isSeq(document.contents) ? document : list;
}
