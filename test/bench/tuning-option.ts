import type { Tuning } from '../lab/tributary-setup.ts';
import { parseVersion } from './comparison/versions.ts';

/** One `--tuning` of the command line. */
export interface TuningOption {
  /** The contestant whose checkout gets it, as `tributary` or `tributary@DIR`; absent: all checkouts. */
  readonly contestant?: string;
  readonly key: string;
  readonly value: number;
}

const FORMAT = /^(?:(.+):)?([\w.]+)=(\S+)$/;

/** Reads `KEY=VALUE` or `CONTESTANT:KEY=VALUE`. Throws an Error that says what is wrong. */
export function parseTuning(text: string): TuningOption {
  const [, contestant, key = '', number = ''] = FORMAT.exec(text) ?? [];
  const value = Number(number);
  if (number === '' || !Number.isFinite(value))
    throw new Error(
      `--tuning takes KEY=VALUE or CONTESTANT:KEY=VALUE, such as ping.intervalMs=500, not "${text}"`,
    );
  if (contestant !== undefined && parseVersion(contestant).kind !== 'tributary')
    throw new Error(`--tuning is for tributary or tributary@DIR, not for "${contestant}"`);
  return { ...(contestant === undefined ? {} : { contestant }), key, value };
}

/**
 * The numbers for the programs of one checkout, whose folder is as the command line names it: those for it alone win over those
 * for all.
 */
export function tuningOf(options: readonly TuningOption[], folder: string | undefined): Tuning {
  const isFor = ({ contestant }: TuningOption) =>
    contestant !== undefined && parseVersion(contestant).folder === folder;
  const chosen = [...options.filter(({ contestant }) => contestant === undefined), ...options.filter(isFor)];
  return Object.fromEntries(chosen.map(({ key, value }) => [key, value]));
}
