import type { CommandLineDeps } from '../../shared/runtime/config/command-line.ts';
import { defaultStateDirectory } from '../../shared/runtime/config/state-directory.ts';
import type { ConcentratorConfig } from '../config/concentrator-config.ts';
import type { ClientStore } from './client-store.ts';

/** The name of the concentrator's state directory below those of the system. */
export const STATE_DIRECTORY_NAME = 'tributary-concentrator';

/** Where the configuration says that the clients are. */
export async function openClientStore(
  { clientsFile, clientsDatabase, stateDirectory, file }: ConcentratorConfig,
  deps: CommandLineDeps,
): Promise<ClientStore> {
  if (clientsDatabase !== undefined) {
    const { DatabaseClients } = await import('./postgres/database-clients.ts');
    return new DatabaseClients(clientsDatabase);
  }
  const { FileClients } = await import('./file-clients.ts');
  return new FileClients({
    clientsFile: clientsFile!,
    namedIn: file,
    stateDirectory: stateDirectory ?? defaultStateDirectory(deps, STATE_DIRECTORY_NAME),
    deps,
  });
}
