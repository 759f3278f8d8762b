import { readFile } from 'node:fs/promises';

/** What a process has had of the processors since its start, milliseconds. */
export interface CpuTimes {
  readonly ranMs: number;
  /** It was ready to run, and others ran. */
  readonly waitedMs: number;
}

/** Of a process, from the kernel's scheduler. */
export async function cpuTimes(pid: number): Promise<CpuTimes> {
  const [ranNs, waitedNs] = (await readFile(`/proc/${pid}/schedstat`, 'utf8')).split(' ');
  return { ranMs: Number(ranNs) / 1e6, waitedMs: Number(waitedNs) / 1e6 };
}

/** How long a process was ready to run and had to wait for a processor since its start, milliseconds. */
export async function waitedForCpuMs(pid: number): Promise<number> {
  return (await cpuTimes(pid)).waitedMs;
}
