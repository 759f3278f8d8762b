import { readFile } from 'node:fs/promises';

/** Processor time of a process since its start, in milliseconds. */
export interface CpuTimes {
  readonly ranMs: number;
  /** It was ready to run, but others ran. */
  readonly waitedMs: number;
}

/** Reads the times of a process from the kernel's scheduler. */
export async function cpuTimes(pid: number): Promise<CpuTimes> {
  const [ranNs, waitedNs] = (await readFile(`/proc/${pid}/schedstat`, 'utf8')).split(' ');
  return { ranMs: Number(ranNs) / 1e6, waitedMs: Number(waitedNs) / 1e6 };
}

/** How long a process has waited for a processor since its start, in milliseconds. */
export async function waitedForCpuMs(pid: number): Promise<number> {
  return (await cpuTimes(pid)).waitedMs;
}
