import { readdir, readFile, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import {
  FileLockedError,
  type HeldLock,
  STALE_LOCK_MS,
  withFileLock,
} from '../../../shared/runtime/files/file-lock.ts';
import { FileWriteError } from '../../../shared/runtime/files/private-file.ts';
import { temporaryDirectory } from '../../config/temporary-directory.ts';

const wallClock = () => Date.now();
const PATIENT = { wallClock, waitMs: 60_000 };
const IMPATIENT = { wallClock, waitMs: 0 };

/** A file that holds a number. */
async function counter() {
  const directory = await temporaryDirectory();
  const file = join(directory, 'counter');
  await writeFile(file, '0');
  const add = async (lock: HeldLock) => {
    const count = Number(await readFile(file, 'utf8'));
    await lock.confirm();
    await writeFile(file, String(count + 1));
  };
  const count = async () => Number(await readFile(file, 'utf8'));
  return { directory, file, lockFile: `${file}.lock`, add, count };
}

async function makeOld(file: string, ageMs: number): Promise<void> {
  const then = new Date(Date.now() - ageMs);
  await utimes(file, then, then);
}

describe('the lock of a file', () => {
  it('lets one in at a time, and leaves nothing behind', async () => {
    const { directory, file, add, count } = await counter();
    await Promise.all(Array.from({ length: 20 }, () => withFileLock(file, PATIENT, add)));
    expect(await count()).toBe(20);
    expect(await readdir(directory)).toEqual(['counter']);
  });

  it('gives what the work gives, and is free again behind work that fails', async () => {
    const { file, add } = await counter();
    expect(await withFileLock(file, IMPATIENT, async () => 'done')).toBe('done');
    const mistake = new FileLockedError('a mistake');
    await expect(withFileLock(file, IMPATIENT, () => Promise.reject(mistake))).rejects.toBe(mistake);
    await withFileLock(file, IMPATIENT, add);
  });

  it('is for files that do not exist yet, and their directories', async () => {
    const file = join(await temporaryDirectory(), 'a', 'b', 'file');
    await withFileLock(file, IMPATIENT, () => writeFile(file, ''));
    expect(await readdir(join(file, '..'))).toEqual(['file']);
  });

  it('waits no longer than told, says once that it waits, and then what to do', async () => {
    const { file, lockFile, count, add } = await counter();
    await writeFile(lockFile, '');
    const onWait = vi.fn();
    const waiting = withFileLock(file, { wallClock, waitMs: 1_500, onWait }, add);
    await expect(waiting).rejects.toThrow(
      `another program is changing ${file} (it has ${lockFile}): try again`,
    );
    await expect(waiting).rejects.toBeInstanceOf(FileLockedError);
    expect(onWait).toHaveBeenCalledTimes(1);
    expect(await count()).toBe(0);
    expect(await readFile(lockFile, 'utf8')).toBe('');
  });

  it.each([-1, 1])('is taken over from a program that was killed: %d', async (sign) => {
    const { directory, file, lockFile, add, count } = await counter();
    await writeFile(lockFile, '');
    await makeOld(lockFile, sign * (STALE_LOCK_MS - 1_000));
    await expect(withFileLock(file, IMPATIENT, add)).rejects.toThrow(FileLockedError);
    await makeOld(lockFile, sign * (STALE_LOCK_MS + 1_000));
    await withFileLock(file, IMPATIENT, add);
    expect(await count()).toBe(1);
    expect(await readdir(directory)).toEqual(['counter']);
  });

  it('is taken over by one at a time of several that wait', async () => {
    const { directory, file, lockFile, add, count } = await counter();
    for (let round = 1; round <= 10; round++) {
      await writeFile(lockFile, '');
      await makeOld(lockFile, 2 * STALE_LOCK_MS);
      const all = await Promise.allSettled(Array.from({ length: 8 }, () => withFileLock(file, PATIENT, add)));
      const done = all.filter(({ status }) => status === 'fulfilled').length;
      // One that was overtaken has changed nothing.
      expect(done).toBeGreaterThanOrEqual(1);
      expect(await count()).toBe(done);
      await writeFile(file, '0');
      expect(await readdir(directory)).toEqual(['counter']);
    }
  });

  it('is kept from becoming stale by work that goes on, and lost by work that stands still', async () => {
    const { file, lockFile, add, count } = await counter();
    await withFileLock(file, IMPATIENT, async (lock) => {
      await makeOld(lockFile, 2 * STALE_LOCK_MS);
      await lock.confirm();
      await expect(withFileLock(file, IMPATIENT, add)).rejects.toThrow(FileLockedError);
      await makeOld(lockFile, 2 * STALE_LOCK_MS);
      await withFileLock(file, IMPATIENT, async (other) => {
        await expect(lock.confirm()).rejects.toThrow('another one is changing');
        await add(other);
      });
      await expect(add(lock)).rejects.toThrow(FileLockedError);
      // What is the next one's is not removed.
      await writeFile(lockFile, '');
    });
    expect(await count()).toBe(1);
    await expect(withFileLock(file, IMPATIENT, add)).rejects.toThrow(FileLockedError);
  });

  it('follows no link in its own place', async () => {
    const { directory, file, lockFile, add, count } = await counter();
    await symlink(join(directory, 'elsewhere'), lockFile);
    await expect(withFileLock(file, IMPATIENT, add)).rejects.toThrow(FileLockedError);
    expect(await readdir(directory)).toEqual(['counter', 'counter.lock']);
    expect(await count()).toBe(0);
  });

  it('that cannot be had for another reason is an error that says which', async () => {
    const { file, add } = await counter();
    const impossible = withFileLock(join(file, 'below'), IMPATIENT, add);
    await expect(impossible).rejects.toThrow(FileWriteError);
    await expect(impossible).rejects.toThrow(/^cannot change .*: a part of the path is not a directory$/);
  });
});
