import { parseArgs } from 'node:util';
import type { FuzzTarget } from './fuzz-target.ts';
import { FUZZ_TARGETS } from './targets/all.ts';

/** What the command line asks for. */
export interface FuzzOptions {
  readonly targets: readonly FuzzTarget[];
  /** For each target. */
  readonly seconds: number;
  readonly seed: number;
  /** Targets that run side by side. */
  readonly atOnce: number;
  /** Whether new inputs that reach something new go to the corpus. */
  readonly saves: boolean;
  /** One input to run instead, of the one target. */
  readonly replay?: Uint8Array;
}

const NAMES = FUZZ_TARGETS.map(({ name }) => name).join(', ');
const DEFAULT_SECONDS = 60;
const MAX_HOURS = 1_000;
const MAX_AT_ONCE = 64;

export const HELP = `Looks for inputs that the programs do not take well, led by the coverage of their code.

  npm run fuzz                          every target for ${DEFAULT_SECONDS} s
  npm run fuzz -- --target session      one of: ${NAMES}; can be repeated
  npm run fuzz -- --seconds 10          for each target; or --hours 8
  npm run fuzz -- --at-once 4           targets side by side: 2 unless told
  npm run fuzz -- --seed 7              another run: 1 unless told
  npm run fuzz -- --save                inputs that reach something new go to test/fuzz/corpus
  npm run fuzz -- --target dns --replay 0112...
                                        runs one input, in hexadecimal digits, as a finding prints it

Ends with 1 when there is a finding.
`;

/** Reads the command line; undefined when help was asked for. Throws an Error that says what is wrong. */
export function parseOptions(args: readonly string[]): FuzzOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      target: { type: 'string', multiple: true, default: [] },
      seconds: { type: 'string' },
      hours: { type: 'string' },
      seed: { type: 'string', default: '1' },
      'at-once': { type: 'string', default: '2' },
      save: { type: 'boolean', default: false },
      replay: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const targets = select(values.target);
  if (values.replay !== undefined && targets.length !== 1) throw new Error('--replay: wants one --target');
  return {
    targets,
    seconds: duration(values.seconds, values.hours),
    seed: whole('--seed', values.seed, 0, 0xffff_ffff),
    atOnce: whole('--at-once', values['at-once'], 1, MAX_AT_ONCE),
    saves: values.save,
    ...(values.replay === undefined ? {} : { replay: bytesOf(values.replay) }),
  };
}

function select(names: readonly string[]): readonly FuzzTarget[] {
  for (const name of names) {
    if (!FUZZ_TARGETS.some((target) => target.name === name))
      throw new Error(`no target "${name}"; there are ${NAMES}`);
  }
  return names.length === 0 ? FUZZ_TARGETS : FUZZ_TARGETS.filter(({ name }) => names.includes(name));
}

function duration(seconds: string | undefined, hours: string | undefined): number {
  if (seconds !== undefined && hours !== undefined)
    throw new Error('--seconds and --hours: expected one of them');
  if (hours === undefined)
    return whole('--seconds', seconds ?? String(DEFAULT_SECONDS), 1, MAX_HOURS * 3_600);
  const count = Number(hours);
  if (!(count > 0 && count <= MAX_HOURS)) throw new Error(`--hours ${hours}: expected up to ${MAX_HOURS}`);
  return count * 3_600;
}

function whole(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least || value > most)
    throw new Error(`${name} ${text}: expected ${least} to ${most}`);
  return value;
}

function bytesOf(text: string): Uint8Array {
  if (!/^([0-9a-f]{2})*$/i.test(text)) throw new Error('--replay: expected hexadecimal digits');
  return new Uint8Array(Buffer.from(text, 'hex'));
}
