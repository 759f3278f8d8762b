import { constants } from 'node:os';

/** What ends a program from outside. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** The terminal sends an interrupt to this process, and npm sends it again: a second one within this time is the same. */
const ECHO_MS = 1_000;
/** What is under way may wait for a minute yet. When it has not ended by then, the process ends with it. */
const STOP_MS = 20_000;

/** The exit code that a shell gives a program that such a signal has ended: 130 for an interrupt. */
function signalExitCode(signal: (typeof SIGNALS)[number]): number {
  return 128 + constants.signals[signal];
}

/**
 * Works to the end, or until a signal makes `stop` end it in order. A second signal ends the process, and so does work that is not
 * over soon: whoever holds something that outlives the process gives it back on its `exit`. What fails once it is stopped, fails for that.
 * Answers the exit code that follows from it.
 */
export async function interruptible(
  stop: () => void | Promise<void>,
  work: (isInterrupted: () => boolean) => Promise<void>,
): Promise<number> {
  let interruptedAtMs: number | undefined;
  let code = 0;
  let limit: NodeJS.Timeout | undefined;
  const interrupt = (signal: (typeof SIGNALS)[number]) => {
    const now = performance.now();
    // The emulator removes the bed when this process is gone.
    if (interruptedAtMs !== undefined && now - interruptedAtMs > ECHO_MS) process.exit(code);
    if (interruptedAtMs !== undefined) return;
    interruptedAtMs = now;
    code = signalExitCode(signal);
    console.log('stopping; once more ends it at once');
    limit = setTimeout(() => process.exit(code), STOP_MS);
    void Promise.resolve(stop()).catch(() => {});
  };
  for (const signal of SIGNALS) process.on(signal, interrupt);
  await work(() => interruptedAtMs !== undefined).catch((error: unknown) => {
    if (interruptedAtMs === undefined) throw error;
  });
  limit?.unref();
  return code;
}
