import { readFile } from 'node:fs/promises';

/** USER_HZ, in which /proc tells times: 100 on all architectures Node runs on. */
const TICKS_PER_SECOND = 100;

/** CPU time of all processes, and the peak memory of the largest, since they started. */
export async function usageOf(
  pids: readonly number[],
): Promise<{ cpuSeconds: number; peakRssBytes: number }> {
  let cpuSeconds = 0;
  let peakRssBytes = 0;
  for (const pid of pids) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    // The second field is the name, in parentheses, and may have blanks; utime and stime are fields 14 and 15.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    cpuSeconds += (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / TICKS_PER_SECOND;
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    const peakKb = Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0);
    peakRssBytes = Math.max(peakRssBytes, peakKb * 1024);
  }
  return { cpuSeconds, peakRssBytes };
}
