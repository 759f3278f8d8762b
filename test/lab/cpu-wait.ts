import { readFile } from 'node:fs/promises';

/** How long a process was ready to run and had to wait for a processor since its start, milliseconds. */
export async function waitedForCpuMs(pid: number): Promise<number> {
  const [, waitedNs] = (await readFile(`/proc/${pid}/schedstat`, 'utf8')).split(' ');
  return Number(waitedNs) / 1e6;
}
