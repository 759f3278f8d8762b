/** The exit code that a shell gives a program that an interrupt ended. */
export const INTERRUPTED = 130;
/** The terminal sends an interrupt to this process, and npm sends it again: a second one within this time is the same. */
const ECHO_MS = 1_000;

/**
 * Works to the end, or until an interrupt makes `stop` end it in order; a second interrupt ends the process.
 * Answers the exit code that follows from it.
 */
export async function interruptible(
  stop: () => void,
  work: (isInterrupted: () => boolean) => Promise<void>,
): Promise<number> {
  let interruptedAtMs: number | undefined;
  const interrupt = () => {
    const now = performance.now();
    // The emulator removes the bed when this process is gone.
    if (interruptedAtMs !== undefined && now - interruptedAtMs > ECHO_MS) process.exit(INTERRUPTED);
    if (interruptedAtMs !== undefined) return;
    interruptedAtMs = now;
    console.log('stopping; once more ends it at once');
    stop();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, interrupt);
  await work(() => interruptedAtMs !== undefined);
  return interruptedAtMs === undefined ? 0 : INTERRUPTED;
}
