import { readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { FileLockedError, STALE_LOCK_MS, withFileLock } from '../../../shared/runtime/files/file-lock.ts';
import { temporaryDirectory } from '../../config/temporary-directory.ts';
import { deferred } from '../../support/deferred.ts';

/** What a slow disk does: the next rename waits. */
const disk = vi.hoisted(() => ({ beforeRename: async () => {} }));
vi.mock(import('node:fs/promises'), async (importActual) => {
  const actual = await importActual();
  const rename: typeof actual.rename = async (from, to) => {
    const { beforeRename } = disk;
    disk.beforeRename = async () => {};
    await beforeRename();
    await actual.rename(from, to);
  };
  return { ...actual, rename };
});

const IMPATIENT = { wallClock: () => Date.now(), waitMs: 0 };

async function makeOld(file: string): Promise<void> {
  const longAgo = new Date(Date.now() - 2 * STALE_LOCK_MS);
  await utimes(file, longAgo, longAgo);
}

/** A file whose lock a dead program left, and one that is about to take its place. */
async function takingOver() {
  const directory = await temporaryDirectory();
  const [file, lockFile, nextFile] = ['f', 'f.lock', '.f.lock'].map((name) => join(directory, name));
  await writeFile(lockFile!, '');
  await makeOld(lockFile!);
  const [reached, goOn] = [deferred<void>(), deferred<void>()];
  disk.beforeRename = () => {
    reached.resolve();
    return goOn.promise;
  };
  const slow = withFileLock(file!, IMPATIENT, async (lock) => {
    await lock.confirm();
    return 'done';
  });
  await reached.promise;
  return { directory, file: file!, nextFile: nextFile!, slow, goOn: goOn.resolve };
}

test('the place of a program that died is taken by one alone, however slow it is', async () => {
  const { directory, file, slow, goOn } = await takingOver();
  await expect(withFileLock(file, IMPATIENT, async () => 'done')).rejects.toThrow(FileLockedError);
  goOn();
  expect(await slow).toBe('done');
  expect(await readdir(directory)).toEqual([]);
});

test('a program that died while it took the place is passed by', async () => {
  const { directory, file, nextFile, slow, goOn } = await takingOver();
  await makeOld(nextFile);
  const work = async () => {
    // It was not dead, but stood still.
    goOn();
    await expect(slow).rejects.toThrow(FileLockedError);
    return 'done';
  };
  expect(await withFileLock(file, IMPATIENT, work)).toBe('done');
  expect(await readdir(directory)).toEqual([]);
});
