import { readFile } from 'node:fs/promises';

/** How long a process has waited for a processor since its start, in milliseconds. */
export async function waitedForCpuMs(pid: number): Promise<number> {
  const [, waitedNs] = (await readFile(`/proc/${pid}/schedstat`, 'utf8')).split(' ');
  return Number(waitedNs) / 1e6;
}
