import { type Finding, failed, ok, warning } from '../../../shared/runtime/doctor/finding.ts';
import { errorWords } from '../../../shared/runtime/text/error-words.ts';
import { clientSecrets } from '../../config/client-secrets.ts';
import type { ClientDatabaseConfig, ConcentratorConfig } from '../../config/concentrator-config.ts';
import type { ConcentratorCheck } from '../case/concentrator-check.ts';

/** There are clients, and nobody but the service reads their keys. */
export const clientsCheck: ConcentratorCheck = {
  name: 'clients',
  async run({ config, secretFileProblems }) {
    const problems = await secretFileProblems(clientSecrets(config));
    const found = await listFinding(config);
    if (problems.length === 0) return found;
    const ofList = found.outcome === 'ok' ? [] : [found.words];
    const say = found.outcome === 'failed' ? failed : warning;
    return say([...ofList, ...problems.map(({ problem }) => problem)].join('; '), [
      ...(found.remedy ?? []),
      ...problems.map(({ remedy }) => remedy),
    ]);
  },
};

async function listFinding({ clients, clientsFile, clientsDatabase }: ConcentratorConfig): Promise<Finding> {
  if (clientsDatabase !== undefined) return askDatabase(clientsDatabase);
  if (clients.length === 0) return warning('nobody may connect', ['tributary-concentrator client add NAME']);
  return ok(`${clients.length} in ${clientsFile}`);
}

async function askDatabase(database: ClientDatabaseConfig): Promise<Finding> {
  const { DatabaseClients } = await import('../../clients/postgres/database-clients.ts');
  const store = new DatabaseClients(database);
  try {
    const { clients, unreadable } = await store.all();
    const [wrong] = unreadable;
    if (wrong !== undefined) {
      const some = `${unreadable.size} of ${clients.length + unreadable.size} clients cannot be read, and may not connect`;
      return warning(`${some}: ${wrong[0]}: ${wrong[1]}`, ['tributary-concentrator client list']);
    }
    if (clients.length === 0)
      return warning('nobody may connect', ['tributary-concentrator client add NAME']);
    return ok(`${clients.length} in ${store.place}`);
  } catch (error) {
    return failed(errorWords(error), []);
  } finally {
    await store.close();
  }
}
