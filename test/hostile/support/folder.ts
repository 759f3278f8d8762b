import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { succeed } from './command.ts';

/** A folder that is removed after the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tributary-local-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Sets a concentrator up in a directory. @returns the link of its first client, `client1` */
export function initIn(directory: string): Promise<string> {
  return succeed('server-concentrator', ['init', '--public', '127.0.0.1', '--directory', directory]);
}
