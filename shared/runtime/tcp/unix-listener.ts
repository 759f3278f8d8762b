import { chmodSync } from 'node:fs';
import { lstat, stat, unlink } from 'node:fs/promises';
import { createConnection, type Server } from 'node:net';
import { dirname } from 'node:path';
import { type ListenAdvice, ListenError, type ListenOptions, startListening } from './tcp-listener.ts';

/** A Unix socket to listen at. */
export interface UnixAddress {
  /** Absolute, at most MAX_UNIX_PATH_BYTES. */
  readonly path: string;
  /** Who may connect: the permissions of the file, such as 0o660. */
  readonly mode: number;
}

/** `sun_path` has 108 bytes, the last of which is zero (unix(7)). */
export const MAX_UNIX_PATH_BYTES = 107;

/** `unix:/run/tributary/socks`, as in the configuration. */
export function formatUnixAddress({ path }: Pick<UnixAddress, 'path'>): string {
  return `unix:${path}`;
}

/**
 * Starts a server at a path, with the permissions that it is to have. A socket that a program has left there is removed if nobody
 * listens at it any more. Closing the server removes the file. Rejects with ListenError.
 *
 * @param onError as of `listen`
 */
export async function listenAtPath(
  server: Server,
  address: UnixAddress,
  { setting, backlog }: Pick<ListenOptions, 'setting' | 'backlog'>,
  onError: (error: Error) => void,
): Promise<void> {
  const { path, mode } = address;
  const fail = (code: string) => {
    const cause: NodeJS.ErrnoException = Object.assign(new Error(code), { code });
    return new ListenError(formatUnixAddress(address), setting, cause, adviceFor(path));
  };
  // libuv cuts what is too long.
  if (Buffer.byteLength(path) > MAX_UNIX_PATH_BYTES) throw fail('ENAMETOOLONG');
  const start = () => {
    const options = { setting, backlog, address: formatUnixAddress(address), advice: adviceFor(path) };
    const started = startListening(server, { path }, options, onError);
    // Before anything is accepted: `listen` has bound by now, or failed.
    if (server.listening) chmodSync(path, mode);
    return started;
  };
  try {
    await start();
  } catch (error) {
    if (!(error instanceof ListenError)) throw error;
    // libuv says EACCES for either.
    if (error.errno === 'EACCES' && (await isMissing(dirname(path)))) throw fail('ENOENT');
    if (error.errno !== 'EADDRINUSE') throw error;
    const file = await lstat(path).catch(() => undefined);
    if (file !== undefined && !file.isSocket()) throw fail('ENOTSOCK');
    if (file !== undefined && (await isInUse(path))) throw error;
    // Unless another program has taken the place meanwhile.
    const now = await lstat(path).catch(() => undefined);
    if (now !== undefined && now.ino !== file?.ino) throw error;
    if (now !== undefined) await unlink(path).catch((cause) => Promise.reject(fail(cause.code)));
    await start();
  }
}

async function isMissing(directory: string): Promise<boolean> {
  return stat(directory).then(
    () => false,
    ({ code }: NodeJS.ErrnoException) => code === 'ENOENT',
  );
}

/** Whether somebody listens at a socket; also where that cannot be found out. */
function isInUse(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createConnection({ path });
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', ({ code }: NodeJS.ErrnoException) =>
      resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT'),
    );
  });
}

function adviceFor(path: string): ListenAdvice {
  const directory = dirname(path);
  return {
    EADDRINUSE: 'another program already listens there (EADDRINUSE); stop it or choose another path',
    ENOTSOCK: 'a file that is no socket is there; remove it or choose another path',
    ENOENT: `there is no directory ${directory} (ENOENT); make it, or choose another path`,
    EACCES: `not allowed to make a file in ${directory} (EACCES); change who may, or choose another path`,
    EPERM: `not allowed to remove the old socket (EPERM); remove it, or choose another path`,
    ENAMETOOLONG: `the path is longer than ${MAX_UNIX_PATH_BYTES} bytes (ENAMETOOLONG); choose a shorter one`,
  };
}
