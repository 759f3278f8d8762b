import { constants, existsSync, type Stats } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, readlink, realpath } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { TributaryError } from '../../protocol/errors.ts';

/** A path leads through a symbolic link that another user may have made. */
export class UnsafePathError extends TributaryError {
  constructor(path: string) {
    super(
      'internalError',
      `${path} is a symbolic link, and other users than root can write to its directory: as root it is not followed. ` +
        'Remove it, give the real path, or run the command as the user that owns the directory',
      'ours',
    );
  }
}

/** A directory that is held open: what is done at `pathOf` is done in it, whatever its path leads to meanwhile. */
export interface OpenDirectory {
  readonly uid: number;
  readonly gid: number;
  /** A path of the entry of this name. */
  pathOf(name: string): string;
  /** Waits until renames in it are on the disk. */
  sync(): Promise<void>;
}

/**
 * Opens the directory that a file is in, for `work`, which also gets the file's name there; directories that are missing are
 * made with mode 0700. If the file is a symbolic link, it is the directory of what the link leads to.
 *
 * As root, links are followed only where nobody but root can make them. In a directory of another user, for example the
 * service's, a link could lead root's writing anywhere: that throws UnsafePathError. Otherwise the file system's errors.
 */
export async function inDirectoryOf<T>(
  file: string,
  work: (directory: OpenDirectory, name: string) => Promise<T>,
): Promise<T> {
  const place = isRoot() ? await walk(resolve(file)) : await openByPath(file);
  try {
    return await work(place.directory, place.name);
  } finally {
    await place.handle.close();
  }
}

interface Place {
  readonly handle: FileHandle;
  readonly directory: OpenDirectory;
  readonly name: string;
}

/** For users other than root: they can only do what they may do anyway. */
async function openByPath(file: string): Promise<Place> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const isThere = (await lstatOrNone(file)) !== undefined;
  const real = isThere ? await realpath(file) : file;
  const handle = await open(dirname(real), OPEN_DIRECTORY);
  return placeOf(handle, await handle.stat(), dirname(real), basename(real));
}

/** From the root directory down, one component at a time, each looked up in the directory that is held open. */
async function walk(file: string): Promise<Place> {
  let path = '/';
  let rest = file.split('/').filter((part) => part !== '');
  let handle = await open(path, OPEN_DIRECTORY);
  try {
    for (let links = 0; ; ) {
      const [name = '', ...behind] = rest;
      const stats = await handle.stat();
      const place = placeOf(handle, stats, path, name);
      const entry = place.directory.pathOf(name);
      const isLink = (await lstatOrNone(entry))?.isSymbolicLink() ?? false;
      if (isLink) {
        if (!isRootsAlone(stats)) throw new UnsafePathError(join(path, name));
        if (++links > MAX_LINKS) throw Object.assign(new Error(), { code: 'ELOOP' });
        // Nobody else can change it meanwhile.
        rest = [
          ...resolve(path, await readlink(entry))
            .split('/')
            .filter((part) => part !== ''),
          ...behind,
        ];
        path = '/';
      } else if (behind.length === 0) {
        return place;
      } else {
        rest = behind;
        path = join(path, name);
      }
      const next = isLink ? await open('/', OPEN_DIRECTORY) : await openOrMake(entry);
      await handle.close();
      handle = next;
    }
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** A link that was put there since is not followed. */
async function openOrMake(directory: string): Promise<FileHandle> {
  const flags = OPEN_DIRECTORY | constants.O_NOFOLLOW;
  return open(directory, flags).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    // Another program may have made it meanwhile.
    await mkdir(directory, 0o700).catch((failure: NodeJS.ErrnoException) => {
      if (failure.code !== 'EEXIST') throw failure;
    });
    return open(directory, flags);
  });
}

function placeOf(handle: FileHandle, { uid, gid }: Stats, path: string, name: string): Place {
  // By the descriptor Linux looks a name up in the directory itself. Elsewhere the path must do.
  const base = HAS_DESCRIPTOR_PATHS ? `/proc/self/fd/${handle.fd}` : path;
  const directory: OpenDirectory = {
    uid,
    gid,
    pathOf: (entry) => join(base, entry),
    sync: () => handle.sync(),
  };
  return { handle, directory, name };
}

/** Whether nobody but root can make or replace an entry of a directory. */
function isRootsAlone({ uid, mode }: Stats): boolean {
  return uid === 0 && (mode & 0o022) === 0;
}

/** What stands at a path, be it a link; undefined if nothing does. */
export async function lstatOrNone(path: string): Promise<Stats | undefined> {
  return lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  });
}

function isRoot(): boolean {
  try {
    return userInfo().uid === 0;
  } catch {
    // A user that the system does not know. Care does no harm.
    return true;
  }
}

const OPEN_DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY;
/** As many as Linux follows (MAXSYMLINKS). */
const MAX_LINKS = 40;
const HAS_DESCRIPTOR_PATHS = existsSync('/proc/self/fd');
