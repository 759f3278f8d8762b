import * as z from 'zod';
import { KERNEL_SETTING_NAMES, type KernelSettings } from './kernel-settings.ts';

/** What a concentrator tells of itself and of the connection to a client that measurements it (SPEC.md section 5, Measurements). */
export interface MeasurementFacts {
  readonly version: string;
  /** Its clock when it answered, in milliseconds since 1970. */
  readonly timeMs: number;
  /** Where the connection comes from, as it sees it: a NAT on the way shows another address than the client's own. */
  readonly seenAddress: string;
  /** Of its kernel for what it sends here, where it can tell. */
  readonly congestionControl?: string | undefined;
  readonly settings: KernelSettings;
}

/** SPEC.md section 5, Measurements. */
export const MAX_FACTS_LENGTH = 1_024;

/** As the wire has it; without the settings where they would not fit. */
export function writeMeasurementFacts(facts: MeasurementFacts): string {
  const text = JSON.stringify(facts);
  return text.length <= MAX_FACTS_LENGTH ? text : JSON.stringify({ ...facts, settings: {} });
}

/** Undefined for what is none. Keys that are not known, of a later version, are left out. */
export function readMeasurementFacts(text: string): MeasurementFacts | undefined {
  try {
    return measurementFacts.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** It is shown on a terminal. */
const word = z
  .string()
  .max(200)
  .regex(/^[\x20-\x7e]*$/);

const measurementFacts = z.object({
  version: word,
  timeMs: z.number(),
  seenAddress: word,
  congestionControl: word.optional(),
  settings: z.partialRecord(z.enum(KERNEL_SETTING_NAMES), word),
});
