import type { Destination } from '../../shared/protocol/destination.ts';
import type { CancelSignal } from '../../shared/runtime/async/cancellation.ts';
import { type Reached, type ReachOptions, reach } from './reach.ts';
import type { DialledUplink } from './uplink-role.ts';

/** Finds out why no address could be reached: the error that says more than `error`, or `error`. Never rejects. */
export type ExplainFailure = (
  uplink: DialledUplink,
  failures: readonly { readonly address: Destination; readonly error: Error }[],
  error: Error,
  signal: CancelSignal,
) => Promise<Error>;

/** As `reach`, with failures that are explained. */
export async function explainedReach(
  options: ReachOptions,
  explain: ExplainFailure | undefined,
): Promise<Reached> {
  if (explain === undefined) return reach(options);
  const { uplink, connect, signal } = options;
  const failures: { readonly address: Destination; readonly error: Error }[] = [];
  const noted: typeof connect = (by, address, attempt) =>
    connect(by, address, attempt).catch((error: Error) => {
      failures.push({ address, error });
      throw error;
    });
  try {
    return await reach({ ...options, connect: noted });
  } catch (error) {
    signal.throwIfAborted();
    throw await explain(uplink, failures, error as Error, signal);
  }
}
