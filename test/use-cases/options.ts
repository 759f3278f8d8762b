import { parseArgs } from 'node:util';
import { USE_CASES } from './cases/all.ts';
import type { UseCase } from './use-case.ts';

/** What the command line asks for. */
export interface UseCaseOptions {
  readonly useCases: readonly UseCase[];
  readonly out: string;
  /** How many are played side by side, each in a network of its own. */
  readonly atOnce: number;
  readonly isList: boolean;
}

/** More would wait for each other's processor time. */
const MAX_AT_ONCE = 4;

export const HELP = `Plays use cases of several uplinks over emulated links, as root, and tells whether what they require holds.

  npm run use-cases                       all of them, in about four minutes
  npm run use-cases -- siri hot-plug      some of: ${USE_CASES.map(({ name }) => name).join(', ')};
                                          siri stands for all that begin with siri/
  npm run use-cases -- --at-once N        N side by side, 1 to ${MAX_AT_ONCE}: 1 unless told, which measures best
  npm run use-cases -- --out FOLDER       where JSON and pictures go: use-case-results unless told
  npm run use-cases -- --list             says what each requires

Ends with 1 when something required does not hold.
`;

/** Reads the command line; undefined when help was asked for. Throws an Error that says what is wrong. */
export function parseOptions(args: readonly string[]): UseCaseOptions | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      out: { type: 'string', default: 'use-case-results' },
      'at-once': { type: 'string', default: '1' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const atOnce = readAtOnce(values['at-once']);
  return { useCases: select(positionals), out: values.out, atOnce, isList: values.list };
}

function readAtOnce(text: string): number {
  const atOnce = Number(text);
  if (!Number.isInteger(atOnce) || atOnce < 1 || atOnce > MAX_AT_ONCE)
    throw new Error(`--at-once ${text}: expected 1 to ${MAX_AT_ONCE}`);
  return atOnce;
}

function select(wanted: readonly string[]): readonly UseCase[] {
  const fits = (name: string, want: string) => name === want || name.startsWith(`${want}/`);
  for (const want of wanted) {
    if (!USE_CASES.some(({ name }) => fits(name, want)))
      throw new Error(`no use case "${want}"; there are ${USE_CASES.map(({ name }) => name).join(', ')}`);
  }
  if (wanted.length === 0) return USE_CASES;
  return USE_CASES.filter(({ name }) => wanted.some((want) => fits(name, want)));
}
