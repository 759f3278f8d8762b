import { Cancellation, type CancelSignal } from './cancellation.ts';
import { lateTimeout } from './late-timeout.ts';

/** How long something may take, and the caller's way to give up earlier. */
export interface TimeLimit {
  readonly timeoutMs: number;
  readonly signal?: CancelSignal | undefined;
}

/**
 * Runs `work` with a signal that aborts when the time is up or the caller gives up. `work` must then release what
 * it holds and reject with the signal's reason: an error with code `ETIMEDOUT` that starts with `what`, or the
 * caller's own reason.
 */
export async function withTimeLimit<T>(
  what: string,
  { timeoutMs, signal: caller }: TimeLimit,
  work: (signal: CancelSignal) => Promise<T>,
): Promise<T> {
  caller?.throwIfAborted();
  const cancellation = new Cancellation();
  const clear = lateTimeout(() => {
    const error: NodeJS.ErrnoException = new Error(`${what} took longer than ${timeoutMs} ms`);
    error.code = 'ETIMEDOUT';
    cancellation.abort(error);
  }, timeoutMs);
  const forward = () => cancellation.abort(caller?.reason);
  caller?.addEventListener('abort', forward);
  try {
    return await work(cancellation);
  } finally {
    clear();
    caller?.removeEventListener('abort', forward);
  }
}
