import type { StandardStreams } from './standard-streams.ts';

/** The part of `process` that is needed to end it from within. */
interface EndingProcess {
  readonly pid: number;
  on(event: EndSignal, listener: (signal: EndSignal) => void): unknown;
  off(event: EndSignal, listener: (signal: EndSignal) => void): unknown;
  kill(pid: number, signal: EndSignal): unknown;
  exit(code: number): never;
}
type EndSignal = (typeof SIGNALS)[number];

/** Also where the terminal goes: nohup spares no Node.js program, which takes up each signal as it starts. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Has work done before a command ends early: by a signal, of which it then dies, as without this; or because nobody takes its output,
 * with the exit code 1. A second signal does not wait. Returns what takes that back. `work` must not reject, and must be short.
 */
export function beforeEnd(
  process: EndingProcess,
  streams: StandardStreams,
  work: () => Promise<unknown>,
): () => void {
  let isOver = false;
  const endBy = (end: () => void) => {
    if (isOver) return;
    release();
    void work().finally(end);
  };
  const onSignal = (signal: EndSignal) => endBy(() => process.kill(process.pid, signal));
  const release = () => {
    isOver = true;
    for (const signal of SIGNALS) process.off(signal, onSignal);
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  streams.onceFailed(() => endBy(() => process.exit(1)));
  return release;
}
