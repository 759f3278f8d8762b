import { readdir, readFile } from 'node:fs/promises';

/** What a process has taken since its start. */
export interface Activity {
  /** How often a thread of it has gone to sleep, and hence was woken up. */
  readonly wakes: number;
  /** Processor time of its threads, milliseconds. */
  readonly ranMs: number;
}

/** Reads the kernel's counts of a process, all of its threads together; Linux. */
export async function activityOf(pid: number): Promise<Activity> {
  const folder = `/proc/${pid}/task`;
  const threads = await Promise.all(
    (await readdir(folder)).map(async (thread) => {
      const status = await readFile(`${folder}/${thread}/status`, 'utf8');
      const [ranNs] = (await readFile(`${folder}/${thread}/schedstat`, 'utf8')).split(' ');
      const wakes = Number(/^voluntary_ctxt_switches:\s+(\d+)$/m.exec(status)?.[1]);
      return { wakes, ranMs: Number(ranNs) / 1e6 };
    }),
  );
  return {
    wakes: threads.reduce((sum, { wakes }) => sum + wakes, 0),
    ranMs: threads.reduce((sum, { ranMs }) => sum + ranMs, 0),
  };
}
