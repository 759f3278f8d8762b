import type { CancelSignal } from './cancellation.ts';

/**
 * Waits for `work`, but no longer than `limitMs` milliseconds, and only until `signal` aborts. The work itself goes on.
 * Rejects when the work does in that time.
 */
export async function atMost(limitMs: number, work: Promise<unknown>, signal?: CancelSignal): Promise<void> {
  let stopWaiting = () => {};
  const limit = new Promise<void>((resolve) => {
    stopWaiting = resolve;
  });
  if (signal?.aborted) stopWaiting();
  const timer = setTimeout(stopWaiting, limitMs);
  signal?.addEventListener('abort', stopWaiting);
  try {
    await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stopWaiting);
  }
}
