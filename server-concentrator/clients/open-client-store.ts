import type { CommandLineDeps } from '../../shared/runtime/config/command-line.ts';
import { defaultStateDirectory } from '../../shared/runtime/config/state-directory.ts';
import type { ConcentratorConfig } from '../config/concentrator-config.ts';
import type { ClientStore } from './client-store.ts';

/** The name of the concentrator's state directory below those of the system. */
export const STATE_DIRECTORY_NAME = 'tributary-concentrator';

/** What a command does with the list. */
export interface ClientStoreOptions {
  /** It adds clients, so that a database may be new: one without tables gets them. */
  readonly adds?: boolean;
}

/** Where the configuration says that the clients are. */
export async function openClientStore(
  { clientsFile, clientsDatabase, stateDirectory, file }: ConcentratorConfig,
  deps: CommandLineDeps,
  { adds = false }: ClientStoreOptions = {},
): Promise<ClientStore> {
  if (clientsDatabase !== undefined) {
    const { DatabaseClients } = await import('./postgres/database-clients.ts');
    return new DatabaseClients(clientsDatabase, { makesTables: adds });
  }
  const { FileClients } = await import('./file-clients.ts');
  return new FileClients({
    clientsFile: clientsFile!,
    namedIn: file,
    stateDirectory: stateDirectory ?? defaultStateDirectory(deps, STATE_DIRECTORY_NAME),
    deps,
  });
}
