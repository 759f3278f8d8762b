import { parentPort, workerData } from 'node:worker_threads';
import { readCorpus } from './corpus-file.ts';
import { CurrentInput } from './current-input.ts';
import { Fuzzer } from './fuzzer.ts';
import { COUNTERS_NAME } from './instrument.ts';
import { type InstrumentedPrograms, MAX_COUNTERS } from './instrument-programs.ts';
import { dictionaryOf } from './mutator.ts';

/** What a thread is told. */
export interface FuzzTask {
  readonly target: string;
  readonly seconds: number;
  readonly seed: number;
  readonly corpusFolder: string;
  readonly programs: InstrumentedPrograms;
  readonly currentInput: SharedArrayBuffer;
}

/** What it tells. */
export interface FuzzReport {
  readonly executions: number;
  readonly coveredPlaces: number;
  readonly corpus: readonly Uint8Array[];
  readonly finding?: { readonly input: Uint8Array; readonly error: string };
  readonly isOver: boolean;
}

const REPORT_EVERY_MS = 1_000;
/** Runs between two looks at the clock. */
const RUNS_A_LOOK = 64;

const { target: name, seconds, seed, corpusFolder, programs, currentInput }: FuzzTask = workerData;
const all = new Uint8Array(MAX_COUNTERS);
Object.assign(globalThis, { [COUNTERS_NAME]: all });
// Only now: the instrumented modules count as soon as they are loaded.
const { FUZZ_TARGETS } = await import('./targets/all.ts');
const current = new CurrentInput(currentInput);
const fuzzer = new Fuzzer({
  target: FUZZ_TARGETS.find((target) => target.name === name)!,
  counters: all.subarray(0, programs.counters),
  dictionary: dictionaryOf(programs.numbers, programs.texts),
  corpus: readCorpus(corpusFolder, name),
  seed,
  onInput: (input) => current.set(input),
});

const endMs = performance.now() + seconds * 1_000;
let nextReportMs = 0;
for (let finding = fuzzer.step(); ; finding = fuzzer.step()) {
  const isLook = fuzzer.executions % RUNS_A_LOOK === 0 || finding !== undefined;
  if (!isLook) continue;
  const nowMs = performance.now();
  const isOver = nowMs >= endMs || finding !== undefined;
  if (isOver || nowMs >= nextReportMs) {
    nextReportMs = nowMs + REPORT_EVERY_MS;
    const { executions, coveredPlaces, corpus } = fuzzer;
    const found =
      finding === undefined ? {} : { finding: { input: finding.input, error: textOf(finding.error) } };
    const report: FuzzReport = { executions, coveredPlaces, corpus: isOver ? corpus : [], isOver, ...found };
    parentPort!.postMessage(report);
  }
  if (isOver) break;
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
