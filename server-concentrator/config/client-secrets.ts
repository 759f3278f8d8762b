import type { ConcentratorConfig } from './concentrator-config.ts';

/** The files that the list of clients needs and that others must not read, each with what it holds. */
export function clientSecrets({
  clientsFile,
  clientsDatabase,
}: Pick<ConcentratorConfig, 'clientsFile' | 'clientsDatabase'>): ReadonlyMap<string, string> {
  const secrets = new Map<string, string>();
  if (clientsFile !== undefined) secrets.set(clientsFile, 'keys');
  const { passwordFile } = clientsDatabase ?? {};
  if (passwordFile !== undefined) secrets.set(passwordFile, 'a password');
  return secrets;
}
