import { type ErrorName, TributaryError } from '../../shared/protocol/errors.ts';
import type { FindingCode } from '../network/finding.ts';
import { PathError } from '../network/path-diagnosis/path-error.ts';
import { PortalError } from '../uplink/portal.ts';
import { failureText } from '../uplink/uplink-error.ts';

/**
 * Why an uplink is in its state, in a word for programs: `none` where there is nothing to explain; the name of the error that
 * dialling it met; or one of ours. There are few, so that it can be a label.
 */
export type UplinkCause =
  | 'none'
  /** A cap of a metered uplink is reached. */
  | 'cap'
  /** The configuration, or somebody on the page, has turned it off. */
  | 'turned-off'
  /** A condition of the configuration, such as the time of day, makes it a backup. */
  | 'condition'
  /** It waits for the others to fail, or to be full. */
  | 'not-needed'
  | 'not-dialled'
  /** There is no session with the concentrator to be part of. */
  | 'no-session'
  | 'interface-gone'
  /** No address of the concentrator can be reached from it. */
  | 'no-address'
  | 'subflow-lost'
  | 'silent'
  | 'holds-up-the-rest'
  /** In use, but beyond the limits of a steering policy. */
  | 'beyond-limits'
  /** In use, with small packets: longer ones vanish on the way. */
  | 'small-packets'
  /** Something answers in the concentrator's place until one logs in to the network. */
  | 'portal'
  /** What is wrong with its interface, its routes, or the way to the concentrator. */
  | FindingCode
  | ErrorName;

/** The word, and the sentence for people. */
export interface UplinkReason {
  readonly cause: UplinkCause;
  readonly reason: string;
}

/** Why a dial of an uplink has failed; who reads it knows which uplink it is about. */
export function failureReason(uplinkName: string, error: Error): UplinkReason {
  return { cause: causeOf(error), reason: failureText(uplinkName, error) };
}

function causeOf(error: Error): UplinkCause {
  if (error instanceof PortalError) return 'portal';
  if (error instanceof PathError) return error.finding;
  return error instanceof TributaryError ? error.code : 'internalError';
}
