import { type HeldLock, STALE_LOCK_MS, withFileLock } from '../files/file-lock.ts';
import type { CommandLineDeps } from './command-line.ts';

/** A command waits so long for others: until the lock of one that was killed counts for nothing, and some more. */
const WAIT_MS = 1.5 * STALE_LOCK_MS;

/**
 * Does the work of a command that reads and changes a file, after other commands that are at it; see `withFileLock`.
 * @param namedIn as of `PrivateFileOptions`
 * @throws FileLockedError, FileWriteError, or what `work` throws
 */
export function changeFile<T>(
  file: string,
  { now, stderr }: Pick<CommandLineDeps, 'now' | 'stderr'>,
  work: (lock: HeldLock) => Promise<T>,
  namedIn?: string,
): Promise<T> {
  return withFileLock(
    file,
    {
      wallClock: () => now().getTime(),
      waitMs: WAIT_MS,
      onWait: () => stderr(`another program is changing ${file}: waiting for it\n`),
      ...(namedIn === undefined ? {} : { namedIn }),
    },
    work,
  );
}
