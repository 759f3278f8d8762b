import type { Socket } from 'node:net';
import { Cancellation, type CancelSignal } from '../../shared/runtime/async/cancellation.ts';

export interface RepeatedConnect {
  /** Connects a new socket; rejects when that fails or `signal` aborts. */
  connect(signal: CancelSignal): Promise<Socket>;
  /** Connections that may be tried beside the first while nothing answers. */
  readonly further: number;
  /** Whether this program may have one more now; it may where absent. */
  readonly mayTry?: (() => boolean) | undefined;
  readonly signal: CancelSignal;
}

/**
 * From one SYN to the next. Kernels repeat one that is lost after a second: much, where the path stands still for as long, or loses a
 * packet now and then. Five connections, each repeated by its kernel, go on at this pace for five seconds.
 */
const REPEAT_MS = 200;
/** What this machine lacks for one connection more, errno(3); it says nothing of those that are under way. */
const LOCAL_FAILURES: ReadonlySet<unknown> = new Set([
  ...['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL', 'EADDRINUSE', 'EAGAIN'],
]);

/**
 * Connects, and while nothing answers tries the same beside it, from other ports: the first connection wins, and what fails says so
 * for all, except for want of something on this machine. Rejects with the first error, or with the signal's reason.
 */
export function connectRepeatedly({ connect, further, mayTry, signal }: RepeatedConnect): Promise<Socket> {
  if (further === 0) return connect(signal);
  return new Promise((resolve, reject) => {
    const underway = new Set<Cancellation>();
    let timer: NodeJS.Timeout | undefined;
    let isSettled = false;
    const settle = (own?: Cancellation) => {
      isSettled = true;
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      for (const attempt of underway) if (attempt !== own) attempt.abort();
    };
    const onAbort = () => {
      settle();
      reject(signal.reason);
    };
    const start = (left: number) => {
      if (left > 0) timer = setTimeout(() => start(left - 1), REPEAT_MS);
      if (left < further && mayTry?.() === false) return;
      const own = new Cancellation();
      underway.add(own);
      connect(own).then(
        (socket) => {
          if (isSettled) return void socket.destroy();
          settle(own);
          resolve(socket);
        },
        (error: unknown) => {
          if (isSettled) return;
          underway.delete(own);
          if (isLocal(error) && underway.size > 0) return;
          settle();
          reject(error);
        },
      );
    };
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort);
    start(further);
  });
}

function isLocal(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return LOCAL_FAILURES.has((error as NodeJS.ErrnoException).code) || isLocal(error.cause);
}
