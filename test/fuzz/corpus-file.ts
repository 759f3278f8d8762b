import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** More would only make each run's start longer: what is beyond is left out, the longest first. */
const MAX_INPUTS = 400;

/** Where the corpus of a target is: one input a line, in hexadecimal digits, so that a change can be read. */
function corpusFile(folder: string, target: string): string {
  return join(folder, `${target}.txt`);
}

/** The inputs of earlier runs; none where there is no file. */
export function readCorpus(folder: string, target: string): Uint8Array[] {
  const file = corpusFile(folder, target);
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => new Uint8Array(Buffer.from(line, 'hex')));
}

export function writeCorpus(folder: string, target: string, inputs: readonly Uint8Array[]): void {
  const kept = inputs.toSorted((a, b) => a.length - b.length).slice(0, MAX_INPUTS);
  const lines = new Set(kept.map((input) => Buffer.from(input).toString('hex')));
  lines.delete('');
  writeFileSync(corpusFile(folder, target), [...lines].map((line) => `${line}\n`).join(''));
}
