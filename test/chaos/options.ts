import { parseArgs } from 'node:util';

/** What the command line asks for. */
export interface ChaosOptions {
  readonly seeds: readonly number[];
  readonly minutes: number;
  readonly out: string;
}

const MAX_SEEDS = 1_000;
const MAX_MINUTES = 24 * 60;

export const HELP = `Mixed traffic over three emulated uplinks, with faults at random, as root. Every byte is accounted for: a connection
delivers exactly, or both sides see a reset and a fault is known to have broken it. Then the programs must hold no more
than before.

  npm run chaos                             seed 1, for 30 minutes
  npm run chaos -- --seed 7 --minutes 3     another seed, another time
  npm run chaos -- --seed 1..3              one after the other
  npm run chaos -- --out FOLDER             where JSON and the logs of failures go: chaos-results unless told

A seed decides all faults and all traffic. Ends with 1 when a seed has failed.
`;

/** Reads the command line; undefined when help was asked for. Throws an Error that says what is wrong. */
export function parseOptions(args: readonly string[]): ChaosOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string', default: '1' },
      minutes: { type: 'string', default: '30' },
      out: { type: 'string', default: 'chaos-results' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  return { seeds: readSeeds(values.seed), minutes: readMinutes(values.minutes), out: values.out };
}

function readSeeds(text: string): number[] {
  const found = /^(\d+)(?:\.\.(\d+))?$/.exec(text);
  const first = Number(found?.[1]);
  const last = Number(found?.[2] ?? first);
  const isGood = found && Number.isSafeInteger(last) && last >= first && last - first < MAX_SEEDS;
  if (!isGood) throw new Error(`--seed ${text}: expected a number, or two as 1..3`);
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

function readMinutes(text: string): number {
  const minutes = Number(text);
  if (!(minutes > 0 && minutes <= MAX_MINUTES))
    throw new Error(`--minutes ${text}: expected more than 0, at most ${MAX_MINUTES}`);
  return minutes;
}
