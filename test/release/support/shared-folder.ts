import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const VARIABLE = 'TRIBUTARY_TEST_RELEASE';

/** Vitest calls it once for all files of tests, and what it returns when they are done. A folder that is named already is kept. */
export default function setup(): () => void {
  if (process.env[VARIABLE] !== undefined) return () => {};
  const folder = mkdtempSync(join(tmpdir(), 'tributary-release-tests-'));
  process.env[VARIABLE] = folder;
  return () => rmSync(folder, { recursive: true, force: true });
}

/** Where files of tests leave for each other what takes long to make. */
export function sharedFolder(): string {
  const folder = process.env[VARIABLE];
  if (folder === undefined) throw new Error('only tests of the project "release" have this folder');
  return folder;
}
