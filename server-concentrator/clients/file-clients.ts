import { changeFile } from '../../shared/runtime/config/change-file.ts';
import type { CommandLineDeps } from '../../shared/runtime/config/command-line.ts';
import { ClientsFile } from '../config/clients-file.ts';
import type { UsageTotal } from '../usage/usage-count.ts';
import { readMonth } from '../usage/usage-files.ts';
import type { ClientChanges, ClientListing, ClientStore, FoundClients } from './client-store.ts';

export interface FileClientsOptions {
  readonly clientsFile: string;
  /** The configuration that names it. */
  readonly namedIn: string;
  readonly stateDirectory: string;
  readonly deps: Pick<CommandLineDeps, 'now' | 'stderr'>;
}

/** The clients in a YAML file, and their usage in the state directory. */
export class FileClients implements ClientStore {
  readonly place: string;
  readonly hint =
    'A concentrator that runs takes this over on SIGHUP, for example: systemctl reload tributary-concentrator\n';
  readonly #options: FileClientsOptions;

  constructor(options: FileClientsOptions) {
    this.place = options.clientsFile;
    this.#options = options;
  }

  async all(): Promise<ClientListing> {
    const { clients } = await ClientsFile.load(this.#options.clientsFile);
    return { clients, unreadable: new Map() };
  }

  async update(ids: readonly string[], change: (found: FoundClients) => ClientChanges): Promise<void> {
    const { clientsFile, namedIn, deps } = this.#options;
    await changeFile(
      clientsFile,
      deps,
      async (lock) => {
        const before = await ClientsFile.load(clientsFile);
        const wanted = new Set(ids);
        const found = before.clients.filter(({ id }) => wanted.has(id));
        const { put = [], remove = [] } = change(new Map(found.map((client) => [client.id, client])));
        if (put.length + remove.length === 0) return;
        const after = before.with(put, remove);
        await lock.confirm();
        await after.write({ overwrite: true, namedIn });
      },
      namedIn,
    );
  }

  usage(month: string): Promise<ReadonlyMap<string, UsageTotal>> {
    return readMonth(this.#options.stateDirectory, month);
  }

  async close(): Promise<void> {}
}
