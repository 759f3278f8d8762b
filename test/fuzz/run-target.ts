import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { CurrentInput } from './current-input.ts';
import type { FuzzReport, FuzzTask } from './worker.ts';

/** An input that takes longer does not end, or might as well not. Generous: other work may have the processor. */
const HANG_MS = 20_000;
/** The first input waits until the programs are loaded. */
const START_MS = 120_000;
/** A thread may use this much heap: an input that takes more is a finding. */
const MAX_HEAP_MB = 1_024;

/** Fuzzes one target in a thread of its own, which may hang or run out of memory. @param onReport is told about once a second */
export function runTarget(
  task: Omit<FuzzTask, 'currentInput'>,
  onReport: (report: FuzzReport) => void,
): Promise<FuzzReport> {
  const current = new CurrentInput();
  const worker = new Worker(join(import.meta.dirname, 'worker.js'), {
    workerData: { ...task, currentInput: current.buffer } satisfies FuzzTask,
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
  });
  return new Promise((resolve) => {
    let last: FuzzReport = { executions: 0, coveredPlaces: 0, corpus: [], isOver: false };
    const end = (report: FuzzReport) => {
      clearInterval(watch);
      void worker.terminate();
      resolve(report);
    };
    const broke = (error: string) => end({ ...last, isOver: true, finding: { input: current.input, error } });
    const watch = watchFor(current, () => broke(`it does not end: not within ${HANG_MS / 1_000} s`));
    worker.on('message', (report: FuzzReport) => {
      last = report;
      if (report.isOver) end(report);
      else onReport(report);
    });
    worker.on('error', (error: Error) => broke(error.stack ?? error.message));
  });
}

function watchFor(current: CurrentInput, onHang: () => void): NodeJS.Timeout {
  let { count } = current;
  let sinceMs = performance.now();
  return setInterval(() => {
    if (current.count !== count) {
      ({ count } = current);
      sinceMs = performance.now();
    } else if (performance.now() - sinceMs > (count === 0 ? START_MS : HANG_MS)) {
      onHang();
    }
  }, 500);
}
