import { readFileSync } from 'node:fs';

/** Often enough that nothing runs on for long after `npm` was killed. */
const LOOK_EVERY_MS = 500;

/**
 * Calls back once when the `npm` that has started this process ends, or the shell between them: nothing tells a process that its
 * parent was killed. Watches nothing where this process was not started by npm. It keeps no process alive.
 */
export function onceNpmEnds(callback: () => void): void {
  if (process.env.npm_lifecycle_event === undefined) return;
  const ancestors = npmAndShell();
  const timer = setInterval(() => {
    const now = npmAndShell();
    if (now.length === ancestors.length && now.every((pid, i) => pid === ancestors[i])) return;
    clearInterval(timer);
    callback();
  }, LOOK_EVERY_MS);
  timer.unref();
}

/** This process's parent, and the parent of that if it is the shell in which npm runs a script. */
function npmAndShell(): number[] {
  const shell = process.ppid;
  const { name, parent } = statOf(shell) ?? {};
  return parent !== undefined && /sh$/.test(name ?? '') ? [shell, parent] : [shell];
}

/** The name of a process and its parent, on Linux. */
function statOf(pid: number): { name: string; parent: number } | undefined {
  try {
    // proc_pid_stat(5): the name may hold anything but ends with the last bracket; then state and parent.
    const [, name, parent] =
      /^\d+ \((.*)\) \S (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, 'latin1')) ?? [];
    return name === undefined ? undefined : { name, parent: Number(parent) };
  } catch {
    return undefined;
  }
}
