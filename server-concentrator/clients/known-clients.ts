import * as z from 'zod';
import { StateFile, type StateFileOptions } from '../../shared/runtime/files/state-file.ts';
import { clientSchema, clientText } from '../config/client-schema.ts';
import type { ClientEntry } from '../config/concentrator-config.ts';

/** The name of the file in the state directory. */
export const KNOWN_FILE_NAME = 'known-clients.json';
/** What a hundred thousand clients need. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;
/** Changes in a row are written once, */
const WRITE_AFTER_MS = 500;
/** and a list that changes all the time not more often. */
const WRITE_EVERY_MS = 5_000;

interface Known {
  /** Which database they come from. */
  readonly database: string;
  readonly clients: readonly ClientEntry[];
}

/** The list of clients as the database had it last, in a file that its owner alone may read: it has their keys. */
export class KnownClients {
  readonly #file: StateFile<Known>;
  readonly #database: string;
  #clients: readonly ClientEntry[] | undefined;
  #isWritten = true;
  #writing: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  private constructor(file: StateFile<Known>, database: string, clients: readonly ClientEntry[] | undefined) {
    this.#file = file;
    this.#database = database;
    this.#clients = clients;
  }

  /** @param database its name: clients of another one may not connect */
  static async open(
    file: string,
    database: string,
    logger: StateFileOptions<Known>['logger'],
  ): Promise<KnownClients> {
    const { stateFile, state } = await StateFile.open<Known>({
      file,
      format: { encode, decode: (bytes) => decode(bytes, database) },
      what: 'the clients that were known last',
      maxBytes: MAX_FILE_BYTES,
      logger,
    });
    const isOther = state !== undefined && state.database !== database;
    if (isOther) {
      const fields = { database: state.database };
      logger.warn(
        fields,
        'the clients that were known last are those of another database: none of them may connect',
      );
    }
    return new KnownClients(stateFile, database, isOther ? undefined : state?.clients);
  }

  /** Undefined where none was ever known. */
  get clients(): readonly ClientEntry[] | undefined {
    return this.#clients;
  }

  keep(clients: readonly ClientEntry[]): void {
    this.#clients = clients;
    this.#isWritten = false;
    this.#timer ??= setTimeout(() => this.#write(), WRITE_AFTER_MS);
  }

  /** Writes what is not written yet. */
  async close(): Promise<void> {
    await this.#writing;
    if (!this.#isWritten) this.#write();
    await this.#writing;
    clearTimeout(this.#timer);
  }

  #write(): void {
    this.#isWritten = true;
    this.#writeLater();
    this.#writing = this.#file
      .save(() => ({ database: this.#database, clients: this.#clients ?? [] }))
      .then((isWritten) => {
        if (isWritten) return;
        // What the disk has may name clients that were removed since.
        this.#isWritten = false;
        this.#writeLater();
      });
  }

  #writeLater(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (!this.#isWritten) this.#write();
    }, WRITE_EVERY_MS);
    this.#timer.unref();
  }
}

/** A client a line, as a file of clients would say it. */
function encode({ database, clients }: Known): string {
  const lines = clients.map((client) => JSON.stringify(clientText(client)));
  return `{"database": ${JSON.stringify(database)}, "clients": [\n${lines.join(',\n')}\n]}\n`;
}

const KNOWN = z.strictObject({ database: z.string(), clients: z.array(z.unknown()) });

/** @param database that of a list that does not say its own, as in the first version of the file */
function decode(bytes: Buffer, database: string): Known | undefined {
  try {
    const json: unknown = JSON.parse(bytes.toString('utf8'));
    const { data } = KNOWN.safeParse(Array.isArray(json) ? { database, clients: json } : json);
    return (
      data && {
        database: data.database,
        clients: data.clients.flatMap((client) => clientSchema.safeParse(client).data ?? []),
      }
    );
  } catch {
    return undefined;
  }
}
