import { chmod, chown } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { secretFileProblems } from '../../../shared/runtime/config/secret-files.ts';
import { temporaryFile } from '../../config/temporary-directory.ts';
import { IS_ROOT } from '../../support/as-user.ts';

const SERVICE = { name: 'tributary-concentrator', groupId: 23_456 };

async function problemsOf(mode: number, service?: typeof SERVICE, [uid, gid] = [0, 0]) {
  const file = await temporaryFile('password', 'x');
  if (IS_ROOT) await chown(file, uid!, gid!);
  await chmod(file, mode);
  const problems = await secretFileProblems(new Map([[file, 'a password']]), service);
  return problems.map(({ problem, remedy }) => `${problem}: ${remedy}`.replaceAll(file, 'FILE'));
}

describe('files with secrets', () => {
  it('are not for others to read', async () => {
    expect(await problemsOf(0o644)).toEqual(['others can read FILE, which holds a password: chmod 600 FILE']);
    expect(await problemsOf(0o600)).toEqual([]);
  });

  it('of a service stay readable for it where others are shut out', async () => {
    const mended = 'chgrp tributary-concentrator FILE && chmod 640 FILE';
    expect(await problemsOf(0o644, SERVICE)).toEqual([
      `others can read FILE, which holds a password: ${mended}`,
    ]);
  });

  it.skipIf(!IS_ROOT)('of a service are for its group to read, or its own', async () => {
    const problem =
      'the service tributary-concentrator cannot read FILE: chgrp tributary-concentrator FILE && chmod 640 FILE';
    expect(await problemsOf(0o600, SERVICE)).toEqual([problem]);
    expect(await problemsOf(0o640, SERVICE)).toEqual([problem]);
    expect(await problemsOf(0o600, SERVICE, [0, SERVICE.groupId])).toEqual([problem]);
    expect(await problemsOf(0o640, SERVICE, [0, SERVICE.groupId])).toEqual([]);
    expect(await problemsOf(0o600, SERVICE, [12_345, 12_345])).toEqual([]);
  });
});
