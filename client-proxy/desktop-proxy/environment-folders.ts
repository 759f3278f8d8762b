import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readTextFile } from '../../shared/runtime/files/read-file.ts';

/** Of all users; what has the same name in an earlier one counts, and what a user has before all (environment.d(5)). */
export const SYSTEM_FOLDERS = [
  '/etc/environment.d',
  '/run/environment.d',
  '/usr/local/lib/environment.d',
  '/usr/lib/environment.d',
] as const;
const MAX_BYTES = 64 * 1024;
const MAX_FILES = 200;
const ASSIGNMENT = /^[ \t]*(?:export[ \t]+)?(\w+)=(.*)$/gm;

/** A file that sets variables for programs that systemd starts. */
export interface EnvironmentPiece {
  /** Without its folder: files are read in the order of their names. */
  readonly name: string;
  readonly file: string;
  readonly variables: ReadonlyMap<string, string>;
}

/** All of them that can be read, in their order. */
export async function environmentPieces(folders: readonly string[]): Promise<readonly EnvironmentPiece[]> {
  const files = new Map<string, string>();
  for (const folder of folders) {
    const names = await readdir(folder).catch(() => []);
    for (const name of names.filter((one) => one.endsWith('.conf') && !files.has(one))) {
      files.set(name, join(folder, name));
    }
  }
  const sorted = [...files].sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, MAX_FILES);
  const pieces: EnvironmentPiece[] = [];
  for (const [name, file] of sorted) {
    const read = await readTextFile(file, MAX_BYTES);
    if ('text' in read) pieces.push({ name, file, variables: variablesOf(read.text) });
  }
  return pieces;
}

function variablesOf(text: string): ReadonlyMap<string, string> {
  return new Map([...text.matchAll(ASSIGNMENT)].map(([, name, value]) => [name!, unquoted(value!.trim())]));
}

function unquoted(value: string): string {
  return /^(["']).*\1$/.test(value) ? value.slice(1, -1) : value;
}
