import * as z from 'zod';
import { tuningKeys } from '../../protocol/session/core-tuning.ts';

/** Numbers that replace the core's own, by `group.name`. */
export type TuningConfig = Readonly<Record<string, number>>;

/** The key `tuning` of both configurations: for experiments, since its names and their meaning may change in any version. */
export const tuning = z
  .partialRecord(z.enum(tuningKeys()), z.number())
  .default({})
  // Those that are there are numbers.
  .transform((numbers): TuningConfig => ({ ...(numbers as TuningConfig) }));

/** What to warn of when numbers are replaced; undefined when none is. */
export function tuningWarning(config: TuningConfig): string | undefined {
  const numbers = Object.entries(config).map(([key, value]) => `${key}=${value}`);
  if (numbers.length === 0) return undefined;
  return `tuning is for experiments, and may change in any version: ${numbers.join(', ')}`;
}
