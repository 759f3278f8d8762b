import { pino } from 'pino';
import { expect, it } from 'vitest';
import type {
  ClientEntry,
  ConcentratorConfig,
} from '../../server-concentrator/config/concentrator-config.ts';
import { Primary } from '../../server-concentrator/primary.ts';
import type { ClientsOfAll } from '../../server-concentrator/workers/clients-of-all.ts';
import { assembled, keyOf } from './concentrator-bed.ts';

const DATABASE = {} as NonNullable<ConcentratorConfig['clientsDatabase']>;
const entry = (id: string): ClientEntry => ({ id, key: keyOf(id) });

/** The configuration with such clients in a file, and with a database. */
async function sources() {
  const { config } = await assembled([]);
  const { clientsFile: _, ...none } = config;
  return {
    file: (...ids: string[]): ConcentratorConfig => ({ ...config, clients: ids.map(entry) }),
    database: { ...none, clientsDatabase: DATABASE } satisfies ConcentratorConfig,
  };
}

/** One that begins with this configuration, without any worker yet; the clients that it has taken over, and what it logs. */
function begun(config: ConcentratorConfig) {
  const replaced: string[][] = [];
  const lines: string[] = [];
  const clients = {
    all: config.clients,
    get: () => undefined,
    replace: (entries: readonly ClientEntry[]) => void replaced.push(entries.map(({ id }) => id)),
  } as unknown as ClientsOfAll;
  const primary = new Primary(
    config,
    {
      logger: pino({ level: 'info' }, { write: (line: string) => void lines.push(line) }),
      clock: () => 0,
      wallClock: () => 0,
      random: () => 0.5,
      native: { native: undefined, reason: 'not here' },
      version: '0',
      nodeVersion: '0',
    },
    { count: 2, program: { script: 'none.js', execArgv: [], env: {} }, isPretty: false, clients },
  );
  const told = () => lines.map((line) => JSON.parse(line)).map(({ live, restart }) => ({ live, restart }));
  return { primary, replaced, told };
}

it('stays with the database until a restart, however often it is told to read files', async () => {
  const { file, database } = await sources();
  const { primary, replaced, told } = begun(database);
  for (const next of [file('other'), file('other'), file('phone'), database]) await primary.reload(next);
  expect(replaced).toEqual([]);
  const waits = { live: [], restart: ['clients.database'] };
  expect(told()).toEqual([waits, waits, waits, { live: [], restart: [] }]);
});

it('stays with the file until a restart, and goes by it again where the database is taken back', async () => {
  const { file, database } = await sources();
  const { primary, replaced, told } = begun(file('laptop', 'phone'));
  for (const next of [database, database, file('laptop')]) await primary.reload(next);
  expect(replaced).toEqual([['laptop']]);
  const waits = { live: [], restart: ['clients.database'] };
  expect(told()).toEqual([waits, waits, { live: ['clients'], restart: [] }]);
});
