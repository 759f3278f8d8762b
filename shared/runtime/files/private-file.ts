import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, stat, unlink } from 'node:fs/promises';
import { TributaryError } from '../../protocol/errors.ts';
import { fileErrorWords } from '../text/error-words.ts';
import { inDirectoryOf, lstatOrNone, type OpenDirectory, UnsafePathError } from './open-directory.ts';

/** A file could not be written or removed; the message says which and why. */
export class FileWriteError extends TributaryError {
  constructor(message: string, options?: ErrorOptions) {
    super('internalError', message, 'ours', options);
  }
}

export interface PrivateFileOptions {
  readonly overwrite: boolean;
  /** A file of the same directory, whose owner and group a new file gets. */
  readonly like?: string;
  /**
   * The configuration that names the file. If it belongs to another user than root, root writes only to a directory of
   * that user: the configuration could name any file of the system.
   */
  readonly namedIn?: string;
  /**
   * `kept`: the file stays its owner's, with its group and all its rights, or is not written. Else a file that its owner alone should
   * read.
   */
  readonly rights?: 'kept';
  /** A group that may read the file (0640), if nothing stood there before whose group counts. Only root can say so. */
  readonly groupId?: number | undefined;
}

/**
 * Writes a file that its owner alone may read (0600), in one step: whoever reads sees the old content or the new one, also
 * after a crash. Missing directories are made with mode 0700. A file that exists is refused unless `overwrite`, which
 * keeps its owner and a group's right to read, so that a service reading it under its own user still can. A new file of root's gets the
 * owner of its directory. Links are followed as by `inDirectoryOf`. Throws FileWriteError.
 */
export async function writePrivateFile(
  file: string,
  content: string | Uint8Array,
  { overwrite, like, namedIn, rights, groupId }: PrivateFileOptions,
): Promise<void> {
  await attempt(`write ${file}`, () =>
    inDirectoryOf(file, async (directory, name) => {
      const before = await lstatOrNone(directory.pathOf(name));
      if (before !== undefined && !overwrite) throw new FileWriteError(`${file} exists already`);
      if (before?.isDirectory()) throw Object.assign(new Error(), { code: 'EISDIR' });
      await refuseForeign(file, namedIn, directory);
      const model = before ?? (like === undefined ? undefined : await lstatOrNone(directory.pathOf(like)));
      const readable = groupId === undefined ? undefined : { uid: 0, gid: groupId, mode: 0o640 };
      // The rights of a link say nothing.
      const found = model?.isFile() ? model : readable;
      await replace(directory, name, content, (handle) => {
        if (found === undefined) return giveToOwner(handle, directory);
        return rights === 'kept' ? keepRights(handle, found, file) : takeOver(handle, found, directory);
      });
    }),
  );
}

/** Removes a file, if it is there; never what a link in its place leads to. Throws FileWriteError. */
export async function removeFile(file: string): Promise<void> {
  await attempt(`remove ${file}`, async () => {
    if ((await lstatOrNone(file)) === undefined) return;
    await inDirectoryOf(file, async (directory, name) => {
      await unlink(directory.pathOf(name));
      await directory.sync();
    });
  });
}

/** Whether something stands at this path, be it only a dangling link. */
export async function fileExists(file: string): Promise<boolean> {
  return (await lstatOrNone(file)) !== undefined;
}

/**
 * Whether others than those who should may read a file with keys: everybody, or the group of a file that is not root's. (A file
 * of root's that a group may read is that of a service.) False where the system has no such modes.
 */
export async function readableByOthers(file: string): Promise<boolean> {
  const { mode, uid } = await stat(file);
  return (mode & 0o004) !== 0 || ((mode & 0o040) !== 0 && uid !== 0);
}

/** Does what concerns a file; an error of the file system becomes a FileWriteError that says what could not be done. */
export async function attempt<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof TributaryError && !(error instanceof UnsafePathError)) throw error;
    const why = error instanceof UnsafePathError ? error.message : fileErrorWords(error);
    throw new FileWriteError(`cannot ${what}: ${why}`, { cause: error });
  }
}

/** Throws FileWriteError where `namedIn` of `PrivateFileOptions` forbids to write a file. */
export async function refuseForeign(
  file: string,
  namedIn: string | undefined,
  { uid }: OpenDirectory,
): Promise<void> {
  if (namedIn === undefined) return;
  const owner = (await stat(namedIn)).uid;
  if (owner === 0 || owner === uid) return;
  throw new FileWriteError(
    `cannot write ${file}: ${namedIn}, which names it, belongs to another user than its directory. Run the command as ` +
      'the user that owns the configuration, or give the configuration to root',
  );
}

interface Owned {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

async function replace(
  directory: OpenDirectory,
  name: string,
  content: string | Uint8Array,
  setRights: (handle: FileHandle) => Promise<void>,
): Promise<void> {
  const temporary = directory.pathOf(`.${name}.${randomBytes(6).toString('hex')}`);
  // With 'wx' nothing that stands there is opened, and no link is followed.
  const handle = await open(temporary, 'wx', 0o600);
  try {
    try {
      await handle.writeFile(content);
      await setRights(handle);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, directory.pathOf(name));
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
  await directory.sync();
}

/** Whoever a directory belongs to can read what root writes there, as a service its state. */
async function giveToOwner(handle: FileHandle, { uid, gid }: OpenDirectory): Promise<void> {
  if ((await handle.stat()).uid !== uid) await handle.chown(uid, gid).catch(() => undefined);
}

/** Owner, group, and the group's right to read. Only root can give files away; for others the owner is right already. */
async function takeOver(handle: FileHandle, model: Owned, { uid }: OpenDirectory): Promise<void> {
  // Of a file that somebody else has put into a common directory nothing is taken over.
  if (model.uid !== 0 && model.uid !== uid) return;
  const isTheirs = await handle.chown(model.uid, model.gid).then(
    () => true,
    () => false,
  );
  if (isTheirs && (model.mode & 0o040) !== 0) await handle.chmod(0o640);
}

async function keepRights(handle: FileHandle, model: Owned, file: string): Promise<void> {
  try {
    await handle.chown(model.uid, model.gid);
    await handle.chmod(model.mode & 0o777);
  } catch (error) {
    throw new FileWriteError(
      `cannot write ${file}: it would get another owner or group, since only root can give files away`,
      { cause: error },
    );
  }
}
