import { StateFile, type StateFileOptions } from '../../shared/runtime/files/state-file.ts';
import { clientSchema, clientText } from '../config/client-schema.ts';
import type { ClientEntry } from '../config/concentrator-config.ts';

/** The name of the file in the state directory. */
export const KNOWN_FILE_NAME = 'known-clients.json';
/** What a hundred thousand clients need. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;
/** Changes in a row are written once. */
const WRITE_AFTER_MS = 500;

/** The list of clients as the database had it last, in a file that its owner alone may read: it has their keys. */
export class KnownClients {
  readonly #file: StateFile<readonly ClientEntry[]>;
  #clients: readonly ClientEntry[] | undefined;
  #timer: NodeJS.Timeout | undefined;

  private constructor(file: StateFile<readonly ClientEntry[]>, clients: readonly ClientEntry[] | undefined) {
    this.#file = file;
    this.#clients = clients;
  }

  static async open(
    file: string,
    logger: StateFileOptions<readonly ClientEntry[]>['logger'],
  ): Promise<KnownClients> {
    const { stateFile, state } = await StateFile.open<readonly ClientEntry[]>({
      file,
      format: { encode, decode },
      what: 'the clients that were known last',
      maxBytes: MAX_FILE_BYTES,
      logger,
    });
    return new KnownClients(stateFile, state);
  }

  /** Undefined where none was ever known. */
  get clients(): readonly ClientEntry[] | undefined {
    return this.#clients;
  }

  keep(clients: readonly ClientEntry[]): void {
    this.#clients = clients;
    this.#timer ??= setTimeout(() => void this.#write(), WRITE_AFTER_MS);
  }

  /** Writes what is not written yet. */
  async close(): Promise<void> {
    if (this.#timer !== undefined) await this.#write();
  }

  async #write(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#file.save(() => this.#clients ?? []);
  }
}

/** A client a line, as a file of clients would say it. */
function encode(clients: readonly ClientEntry[]): string {
  return `[\n${clients.map((client) => JSON.stringify(clientText(client))).join(',\n')}\n]\n`;
}

function decode(bytes: Buffer): readonly ClientEntry[] | undefined {
  try {
    const list: unknown = JSON.parse(bytes.toString('utf8'));
    if (!Array.isArray(list)) return undefined;
    return list.flatMap((client) => clientSchema.safeParse(client).data ?? []);
  } catch {
    return undefined;
  }
}
