import { randomBytes } from 'node:crypto';
import { chmod, lstat, mkdir, open, realpath, rename, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { TributaryError } from '../../protocol/errors.ts';
import { reason } from './read-file.ts';

/** A file could not be written; the message says which and why. */
export class FileWriteError extends TributaryError {
  constructor(message: string, options?: ErrorOptions) {
    super('internalError', message, 'ours', options);
  }
}

/**
 * Writes a file that its owner alone may read (0600), in one step: whoever reads sees the old text or the new one, also
 * after a crash. Missing directories are made with mode 0700. A file that exists is refused unless `overwrite`, which
 * keeps its owner and a group's right to read, so that a service reading it under its own user still can.
 * Throws FileWriteError.
 */
export async function writePrivateFile(
  file: string,
  text: string,
  { overwrite }: { readonly overwrite: boolean },
): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    const exists = await fileExists(file);
    if (exists && !overwrite) throw new FileWriteError(`${file} exists already`);
    // Through a symbolic link: the file it points to is replaced, not the link.
    await replace(exists ? await realpath(file) : file, text);
  } catch (error) {
    if (error instanceof FileWriteError) throw error;
    throw new FileWriteError(`cannot write ${file}: ${reason(error)}`, { cause: error });
  }
}

/** Whether something stands at this path, be it only a dangling link. */
export async function fileExists(file: string): Promise<boolean> {
  return lstat(file).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return false;
      throw error;
    },
  );
}

/** Whether the group's or everybody's rights include reading. False where the system has no such modes. */
export async function readableByOthers(file: string): Promise<boolean> {
  return ((await stat(file)).mode & 0o044) !== 0;
}

async function replace(file: string, text: string): Promise<void> {
  const before = await stat(file).catch(() => undefined);
  const temporary = join(dirname(file), `.${basename(file)}.${randomBytes(6).toString('hex')}`);
  const handle = await open(temporary, 'wx', 0o600);
  try {
    try {
      await handle.writeFile(text);
      if (before) {
        // Only root can give files away; for others the owner is already right, or stays theirs.
        await handle.chown(before.uid, before.gid).catch(() => undefined);
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    if (before && (before.mode & 0o040) !== 0) await chmod(temporary, 0o640);
    await rename(temporary, file);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
}
