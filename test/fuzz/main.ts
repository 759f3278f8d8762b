import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { projectFolder } from '../structure/sources.ts';
import { writeCorpus } from './corpus-file.ts';
import type { FuzzTarget } from './fuzz-target.ts';
import { COUNTERS_NAME } from './instrument.ts';
import { instrumentPrograms, MAX_COUNTERS } from './instrument-programs.ts';
import { type FuzzOptions, HELP, parseOptions } from './options.ts';
import { runTarget } from './run-target.ts';
import type { FuzzReport } from './worker.ts';

const CORPUS = join(projectFolder(), 'test', 'fuzz', 'corpus');
const PROGRESS_EVERY_MS = 10_000;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  let options: FuzzOptions | undefined;
  try {
    options = parseOptions(args);
  } catch (error) {
    print(`${(error as Error).message}\n\n${HELP}`);
    return 2;
  }
  if (options === undefined) {
    print(HELP);
    return 0;
  }
  const { targets, replay } = options;
  return replay === undefined ? await fuzz(options) : replayed(targets[0]!, replay);
}

function replayed(target: FuzzTarget, input: Uint8Array): number {
  // Nothing is instrumented in this run, but a run before may have left it so.
  Object.assign(globalThis, { [COUNTERS_NAME]: new Uint8Array(MAX_COUNTERS) });
  target.run(input);
  print(`${target.name}: nothing wrong with these ${input.length} bytes\n`);
  return 0;
}

async function fuzz(options: FuzzOptions): Promise<number> {
  const { targets, seconds, seed, atOnce, saves } = options;
  const programs = instrumentPrograms(join(import.meta.dirname, '..', '..'));
  print(
    `${targets.length} targets, ${seconds} s each, ${atOnce} at once, ${programs.counters} places to cover\n`,
  );
  const waiting = [...targets];
  const reports: { readonly name: string; readonly report: FuzzReport }[] = [];
  const work = async () => {
    for (let target = waiting.shift(); target !== undefined; target = waiting.shift()) {
      const { name } = target;
      const report = await runTarget(
        { target: name, seconds, seed, corpusFolder: CORPUS, programs },
        progress(name),
      );
      reports.push({ name, report });
      print(`${line(name, report)}\n`);
      if (report.finding !== undefined) print(findingText(name, report.finding));
      // What hangs or breaks says nothing of the corpus.
      if (saves && report.finding === undefined) save(name, report);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, targets.length) }, work));
  const findings = reports.filter(({ report }) => report.finding !== undefined).length;
  const executions = reports.reduce((sum, { report }) => sum + report.executions, 0);
  print(`${executions} executions, ${findings} findings\n`);
  return findings > 0 ? 1 : 0;
}

/** The new corpus has all that is needed of the old one: a run begins with it. */
function save(name: string, { corpus }: FuzzReport): void {
  mkdirSync(CORPUS, { recursive: true });
  writeCorpus(CORPUS, name, corpus);
}

function progress(name: string): (report: FuzzReport) => void {
  let nextMs = performance.now() + PROGRESS_EVERY_MS;
  return (report) => {
    if (performance.now() < nextMs) return;
    nextMs += PROGRESS_EVERY_MS;
    print(`  ${line(name, report)}\n`);
  };
}

function line(name: string, { executions, coveredPlaces, corpus, isOver }: FuzzReport): string {
  const inputs = isOver ? `, ${corpus.length} inputs in the corpus` : '';
  return `${name}: ${executions} executions, ${coveredPlaces} places covered${inputs}`;
}

function findingText(name: string, { input, error }: NonNullable<FuzzReport['finding']>): string {
  const hex = Buffer.from(input).toString('hex');
  return `FINDING in ${name}, ${input.length} bytes: ${error}\n  npm run fuzz -- --target ${name} --replay ${hex}\n`;
}

function print(text: string): void {
  process.stdout.write(text);
}
