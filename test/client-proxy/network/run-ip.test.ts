import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runIp } from '../../../client-proxy/network/run-ip.ts';
import { temporaryDirectory } from '../../config/temporary-directory.ts';

async function standIn(mode: number): Promise<string> {
  const file = join(await temporaryDirectory(), 'ip');
  await writeFile(file, '#!/bin/sh\necho "$@"\n');
  await chmod(file, mode);
  return file;
}

it('runs the first command that can be run', async () => {
  const file = await standIn(0o755);
  const commands = ['/nonexistent/ip', await standIn(0o644), `${file}/ip`, file];
  expect(await runIp(['address'], '', commands)).toEqual({ exitCode: 0, stdout: 'address\n', stderr: '' });
});

it('is undefined where none can be run', async () => {
  expect(await runIp(['address'], '', ['/nonexistent/ip', await standIn(0o644)])).toBeUndefined();
});
