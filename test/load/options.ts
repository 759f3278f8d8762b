import { parseArgs } from 'node:util';
import { CONTENDER_NAMES } from './contenders.ts';

/** How much load. */
export interface LoadOptions {
  readonly contenders: readonly string[];
  /** Connections that say nothing, all through one proxy at once. */
  readonly idle: number;
  /** Those beside them that send a message every second. */
  readonly active: number;
  /** Sessions on one concentrator. */
  readonly sessions: number;
  /** Processes of a concentrator to be held against one; 0: the rest is measured instead. */
  readonly workers: number;
  /** Whether only the client is measured: what it carries. */
  readonly client: boolean;
  /** Clients in its list, with settings of their own. */
  readonly clients: number;
  readonly out: string;
}

/** Ports and descriptors of one machine. */
const MAX_CONNECTIONS = 20_000;
const MAX_SESSIONS = 1_000;
const MAX_WORKERS = 64;
const MAX_CLIENTS = 100_000;
/** In place of names of contenders. */
const NO_CONTENDERS = 'none';

export const HELP = `How many connections and sessions a pair carries on loopback, how fast it opens them, and what each costs. As root.

  npm run load                                      ${CONTENDER_NAMES.join(', ')}: about six minutes
  npm run load -- --contenders tributary            some of them
  npm run load -- --idle 10000 --active 1000        connections that say nothing, and beside them busy ones
  npm run load -- --sessions 200                    sessions on one concentrator; 0: none
  npm run load -- --workers 2                       a concentrator of so many processes beside one, and nothing else
  npm run load -- --client                          what a client carries with a core of its own, and nothing else
  npm run load -- --contenders none --sessions 1000 --clients 10000
                                                    only these, of clients from a list of so many
  npm run load -- --out FOLDER                      where JSON, table and picture go: load-results unless told

Ends with 1 when a connection through Tributary failed.
`;

/** Reads the command line; undefined when help was asked for. Throws an Error that says what is wrong. */
export function parseOptions(args: readonly string[]): LoadOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      contenders: { type: 'string', default: CONTENDER_NAMES.join(',') },
      idle: { type: 'string', default: '10000' },
      active: { type: 'string', default: '1000' },
      sessions: { type: 'string', default: '200' },
      workers: { type: 'string', default: '0' },
      client: { type: 'boolean', default: false },
      clients: { type: 'string', default: '0' },
      out: { type: 'string', default: 'load-results' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const contenders = values.contenders === NO_CONTENDERS ? [] : values.contenders.split(',');
  for (const name of contenders)
    if (!CONTENDER_NAMES.includes(name))
      throw new Error(`no contender "${name}"; there are ${CONTENDER_NAMES.join(', ')}`);
  return {
    contenders,
    idle: count('idle', values.idle, MAX_CONNECTIONS),
    active: count('active', values.active, MAX_CONNECTIONS),
    sessions: count('sessions', values.sessions, MAX_SESSIONS),
    workers: count('workers', values.workers, MAX_WORKERS),
    client: values.client,
    clients: count('clients', values.clients, MAX_CLIENTS),
    out: values.out,
  };
}

function count(name: string, text: string, most: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > most)
    throw new Error(`--${name} ${text}: expected 0 to ${most}`);
  return value;
}
