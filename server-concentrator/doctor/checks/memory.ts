import { formatByteSize } from '../../../shared/runtime/config/byte-size.ts';
import { ok, warning } from '../../../shared/runtime/doctor/finding.ts';
import { heapShortage } from '../../../shared/runtime/process/heap-limit.ts';
import { memoryMaxBytes } from '../../session/memory-levels.ts';
import { processCount } from '../../workers/worker-count.ts';
import type { ConcentratorCheck } from '../case/concentrator-check.ts';

const MEBIBYTE = 1024 * 1024;

/** The machine, or the control group, has what the concentrator may take. */
export const memoryCheck: ConcentratorCheck = {
  name: 'memory',
  async run({ config: { limits, workers }, totalMemoryBytes, readFile }) {
    const group = Number(await readFile('/sys/fs/cgroup/memory.max')) || Number.POSITIVE_INFINITY;
    const has = Math.min(totalMemoryBytes, group);
    const processes = processCount(workers);
    const needs = memoryMaxBytes(limits.memoryTotalBytes, processes);
    const figures = {
      needed: { value: needs, unit: 'bytes' as const },
      available: { value: has, unit: 'bytes' as const },
    };
    const text = `limits.memoryTotal is ${formatByteSize(limits.memoryTotalBytes)}, with which the process and its sockets may take ${inMebibytes(needs)}`;
    if (needs > has) {
      const fitting = Math.max(16, Math.floor((has - memoryMaxBytes(0, processes)) / 2 / MEBIBYTE / 2));
      return warning(
        `${text}, and there are ${inMebibytes(has)}`,
        [`limits.memoryTotal: ${fitting}MiB`],
        figures,
      );
    }
    // Each of several processes gets the heap that it needs.
    const smallHeap = processes > 1 ? undefined : heapShortage(limits.memoryTotalBytes);
    return ok(
      `${text}, of ${inMebibytes(has)}`,
      figures,
      smallHeap === undefined ? [] : [`${smallHeap} (the unit does)`],
    );
  },
};

function inMebibytes(bytes: number): string {
  return `${Math.round(bytes / MEBIBYTE)} MiB`;
}
