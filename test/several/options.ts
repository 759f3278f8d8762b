import { parseArgs } from 'node:util';

/** What can be measured. */
export const PARTS = ['idle', 'failover'] as const;
export type Part = (typeof PARTS)[number];

/** What the command line asks for. */
export interface SeveralOptions {
  readonly parts: readonly Part[];
  /** How long each idle client is watched. */
  readonly seconds: number;
  readonly out: string;
}

const MAX_SECONDS = 3_600;

export const HELP = `Measures a client with two concentrators over emulated links, as root.

  npm run several                       all of it, in about ten minutes
  npm run several -- idle               what a session that is only kept ready costs: wake-ups, processor time, bytes on each uplink
  npm run several -- failover           the rate over time while the chosen concentrator is killed, and while it falls silent
  npm run several -- idle --seconds 20  watches each idle client for 20 s: 60 unless told
  npm run several -- --out FOLDER       where JSON, table and pictures go: several-results unless told
`;

/** Reads the command line; undefined when help was asked for. Throws an Error that says what is wrong. */
export function parseOptions(args: readonly string[]): SeveralOptions | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      seconds: { type: 'string', default: '60' },
      out: { type: 'string', default: 'several-results' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  for (const one of positionals)
    if (!PARTS.some((part) => part === one))
      throw new Error(`nothing is called "${one}": there are ${PARTS.join(', ')}`);
  const seconds = Number(values.seconds);
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > MAX_SECONDS)
    throw new Error(`--seconds ${values.seconds}: expected 1 to ${MAX_SECONDS}`);
  const parts = PARTS.filter((part) => positionals.length === 0 || positionals.includes(part));
  return { parts, seconds, out: values.out };
}
