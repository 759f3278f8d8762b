import { z } from 'zod';
import { KERNEL_SETTING_NAMES, type KernelSettings } from './kernel-settings.ts';

/** What a concentrator tells of itself and of the connection to a client that probes it (SPEC.md section 5, Probes). */
export interface ProbeFacts {
  readonly version: string;
  /** Its clock when it answered, in milliseconds since 1970. */
  readonly timeMs: number;
  /** Where the connection comes from, as it sees it: a NAT on the way shows another address than the client's own. */
  readonly seenAddress: string;
  /** Of its kernel for what it sends here, where it can tell. */
  readonly congestionControl?: string | undefined;
  readonly settings: KernelSettings;
}

/** As the wire has it. */
export function writeProbeFacts(facts: ProbeFacts): string {
  return JSON.stringify(facts);
}

/** Undefined for what is none. Keys that are not known, of a later version, are left out. */
export function readProbeFacts(text: string): ProbeFacts | undefined {
  try {
    return probeFacts.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** It is shown on a terminal. */
const word = z.string().max(200).regex(/^[\x20-\x7e]*$/);

const probeFacts = z.object({
  version: word,
  timeMs: z.number(),
  seenAddress: word,
  congestionControl: word.optional(),
  settings: z.partialRecord(z.enum(KERNEL_SETTING_NAMES), word),
});
