import { type FileHandle, lstat, open, rename, unlink } from 'node:fs/promises';
import { TributaryError } from '../../protocol/errors.ts';
import type { WallClock } from '../clock.ts';
import { inDirectoryOf } from './open-directory.ts';
import { attempt, refuseForeign } from './private-file.ts';

/** Another program has a file's lock, or has taken it over meanwhile; nothing was changed. */
export class FileLockedError extends TributaryError {
  constructor(message: string) {
    super('internalError', message, 'ours');
  }
}

export interface FileLockOptions {
  /** Tells a lock that a dead program left, by its age. */
  readonly wallClock: WallClock;
  /** How long another program is waited for. */
  readonly waitMs: number;
  /** Called once if that takes longer than a moment. */
  readonly onWait?: () => void;
  /** As of `PrivateFileOptions`: where the file may not be written, there is no lock beside it either. */
  readonly namedIn?: string;
}

/** A lock, for as long as the work lasts. */
export interface HeldLock {
  /** Before each change: the lock is still ours, and stays so for a while. @throws FileLockedError when it is not */
  confirm(): Promise<void>;
}

/**
 * Does work that reads a file, or some that belong together, and changes them, while no other program does: all that change them must
 * take the lock of the same file, which need not exist. It is a file beside it, `FILE.lock`. Directories that are missing are made
 * with mode 0700. The lock of a program that was killed is taken over after `STALE_LOCK_MS`.
 * @throws FileLockedError, FileWriteError, or what `work` throws if it is a TributaryError
 */
export function withFileLock<T>(
  file: string,
  options: FileLockOptions,
  work: (lock: HeldLock) => Promise<T>,
): Promise<T> {
  return attempt(`change ${file}`, () =>
    inDirectoryOf(file, async (directory, name) => {
      await refuseForeign(file, options.namedIn, directory);
      const path = directory.pathOf(`${name}.lock`);
      const handle = await acquire(file, { path, next: directory.pathOf(`.${name}.lock`) }, options);
      try {
        return await work({ confirm: () => confirm(file, path, handle, options.wallClock) });
      } finally {
        await release(path, handle);
      }
    }),
  );
}

/** A change takes milliseconds, with a slow disk a second: an older lock was left by a program that died. */
export const STALE_LOCK_MS = 10_000;
/** How often somebody who waits looks. */
const LOOK_MS = 25;
/** Longer than this is told. */
const MOMENT_MS = 1_000;

interface LockPaths {
  readonly path: string;
  /** Of who is about to take the place of a program that died. */
  readonly next: string;
}

async function acquire(
  file: string,
  paths: LockPaths,
  { wallClock, waitMs, onWait }: FileLockOptions,
): Promise<FileHandle> {
  for (let waitedMs = 0; ; waitedMs += LOOK_MS) {
    const handle = (await create(paths.path)) ?? (await takeOver(paths, wallClock));
    if (handle !== undefined) return handle;
    if (waitedMs >= waitMs) {
      throw new FileLockedError(`another program is changing ${file} (it has ${file}.lock): try again`);
    }
    if (waitedMs === MOMENT_MS) onWait?.();
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/**
 * Replaces the lock of a program that died. Of several programs that see it, only the one may that has made `next`, which becomes
 * the lock: otherwise a slow one would replace the lock of a fast one that is at work already.
 */
async function takeOver({ path, next }: LockPaths, wallClock: WallClock): Promise<FileHandle | undefined> {
  if (!(await isStale(path, wallClock))) return undefined;
  const handle = (await create(next)) ?? (await createAnew(next, wallClock));
  if (handle === undefined) return undefined;
  try {
    // The other one may not have been dead, and have removed ours as we did its own.
    if ((await isHeld(next, handle)) && (await isStale(path, wallClock))) {
      await rename(next, path);
      return handle;
    }
  } catch (error) {
    await release(next, handle);
    // This program stood still for so long that another one removed it.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  await release(next, handle);
  return undefined;
}

/** A program may have died while it took the place of one that died. @returns undefined where it may be alive */
async function createAnew(next: string, wallClock: WallClock): Promise<FileHandle | undefined> {
  if (!(await isStale(next, wallClock))) return undefined;
  await unlink(next).catch(() => undefined);
  return create(next);
}

/** Removes a file that this program has made, unless another program's is in its place. */
async function release(path: string, handle: FileHandle): Promise<void> {
  if (await isHeld(path, handle)) await unlink(path).catch(() => undefined);
  await handle.close();
}

/** Whether a program that died has left it there. */
async function isStale(path: string, wallClock: WallClock): Promise<boolean> {
  return lstat(path).then(
    // A clock that was set back must not keep it for ever.
    ({ mtimeMs }) => Math.abs(wallClock() - mtimeMs) >= STALE_LOCK_MS,
    () => false,
  );
}

async function confirm(file: string, path: string, handle: FileHandle, wallClock: WallClock): Promise<void> {
  const now = new Date(wallClock());
  await handle.utimes(now, now);
  if (await isHeld(path, handle)) return;
  throw new FileLockedError(
    `this program stood still for so long that another one is changing ${file} now: try again`,
  );
}

/** Whether the lock is still this one. Its inode is not used again while it is open. */
async function isHeld(path: string, handle: FileHandle): Promise<boolean> {
  const { ino } = await handle.stat();
  return lstat(path).then(
    (found) => found.ino === ino,
    () => false,
  );
}

/** @returns undefined where there is one already */
async function create(path: string): Promise<FileHandle | undefined> {
  return open(path, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EEXIST') return undefined;
    throw error;
  });
}
