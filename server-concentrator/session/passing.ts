import type { Applicant } from './applicant.ts';

/** Where connections of clients go whose sessions another process has. */
export interface Passing {
  /** Hands a connection to the process that it belongs to. @returns the sessions that other processes have, where it belongs here; else undefined */
  pass(applicant: Applicant, leftMs: number): Promise<number | undefined>;
}
