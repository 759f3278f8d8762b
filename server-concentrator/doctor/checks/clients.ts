import { ok, warning } from '../../../shared/runtime/doctor/finding.ts';
import type { ConcentratorCheck } from '../case/concentrator-check.ts';

/** There are clients, and nobody else reads their keys. */
export const clientsCheck: ConcentratorCheck = {
  name: 'clients',
  async run({ config: { clients, clientsFile }, readableByOthers }) {
    if (await readableByOthers(clientsFile))
      return warning(`others can read ${clientsFile}, which holds keys`, [`chmod 600 ${clientsFile}`]);
    if (clients.length === 0)
      return warning('nobody may connect', ['tributary-concentrator client add NAME']);
    return ok(`${clients.length} in ${clientsFile}`);
  },
};
