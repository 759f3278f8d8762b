import { serviceGroupId } from '../../shared/runtime/config/service-group.ts';
import type { ClientCliDeps } from './client-cli-deps.ts';

/** The service, its user and its group, as packages and the instructions make them. */
export const CLIENT_SERVICE = 'tributary-client';

/** The service of this system that reads the configuration; undefined where there is none. */
export async function clientService(file: string, deps: ClientCliDeps): Promise<string | undefined> {
  return (await serviceGroupId(CLIENT_SERVICE, file, deps)) === undefined ? undefined : CLIENT_SERVICE;
}
