import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PROJECT_FOLDER } from './project.ts';

/** A file of the project with words put in for `@WORD@`. */
export async function fillTemplate(path: string, words: Readonly<Record<string, string>>): Promise<string> {
  const text = await readFile(join(PROJECT_FOLDER, path), 'utf8');
  return text.replaceAll(/@([A-Z]+)@/g, (whole, word: string) => words[word] ?? whole);
}
