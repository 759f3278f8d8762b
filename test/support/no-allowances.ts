import { BytePacer } from '../../server-concentrator/limits/byte-pacer.ts';
import type { ClientAllowances } from '../../server-concentrator/limits/client-allowances.ts';

const pacers = { down: new BytePacer(() => 0), up: new BytePacer(() => 0) };

/** Every client may carry what it can. */
export const NO_ALLOWANCES: Pick<ClientAllowances, 'refuse' | 'pacersOf'> = {
  refuse: () => undefined,
  pacersOf: () => pacers,
};
