import { once } from 'node:events';
import { chmod, mkdir, rename, stat, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { ListenError } from '../../../shared/runtime/tcp/tcp-listener.ts';
import { listenAtPath } from '../../../shared/runtime/tcp/unix-listener.ts';
import { temporaryDirectory } from '../../config/temporary-directory.ts';
import { useCleanups } from '../../support/cleanups.ts';

const after = useCleanups();

async function listenThere(path: string, mode = 0o600): Promise<Server> {
  const server = createServer((socket) => socket.on('error', () => {}).end('hello'));
  after(() => server.close());
  await listenAtPath(server, { path, mode }, { setting: 'socks.listen' }, () => {});
  return server;
}

async function greetingAt(path: string): Promise<string> {
  const socket = connect({ path });
  const [greeting] = await once(socket, 'data');
  return String(greeting);
}

/** What a program leaves that ends without closing. */
async function staleSocket(path: string): Promise<void> {
  const server = createServer().listen(`${path}.old`);
  await once(server, 'listening');
  await rename(`${path}.old`, path);
  await new Promise((resolve) => server.close(resolve));
}

it.each([0o600, 0o660, 0o666])(
  'gives the file the permissions %o, and removes it at its end',
  async (mode) => {
    const path = join(await temporaryDirectory(), 'socks');
    const server = await listenThere(path, mode);
    expect((await stat(path)).mode & 0o777).toBe(mode);
    expect(await greetingAt(path)).toBe('hello');
    await new Promise((resolve) => server.close(resolve));
    await expect(stat(path)).rejects.toThrow('ENOENT');
  },
);

it('takes the place of a socket at which nobody listens any more', async () => {
  const path = join(await temporaryDirectory(), 'socks');
  await staleSocket(path);
  await listenThere(path);
  expect(await greetingAt(path)).toBe('hello');
});

it('leaves a socket at which somebody listens', async () => {
  const path = join(await temporaryDirectory(), 'socks');
  await listenThere(path);
  await expect(listenThere(path)).rejects.toThrow(
    `cannot listen on unix:${path} (socks.listen): another program already listens there (EADDRINUSE)`,
  );
  expect(await greetingAt(path)).toBe('hello');
});

it.each([
  ['a file', (path: string) => writeFile(path, 'precious'), 'a file that is no socket is there'],
  ['a directory', (path: string) => mkdir(path), 'a file that is no socket is there'],
])('leaves %s that is in its way', async (_, make, message) => {
  const path = join(await temporaryDirectory(), 'socks');
  await make(path);
  await expect(listenThere(path)).rejects.toThrow(message);
  await stat(path);
});

it('says that the directory is missing', async () => {
  const directory = join(await temporaryDirectory(), 'none');
  const listening = listenThere(join(directory, 'socks'));
  await expect(listening).rejects.toThrow(`there is no directory ${directory} (ENOENT)`);
  await expect(listening).rejects.toBeInstanceOf(ListenError);
});

it('says that it may not', async () => {
  const isRoot = process.getuid?.() === 0;
  const directory = await temporaryDirectory();
  await chmod(directory, 0o500);
  // Root may everywhere but where nobody may.
  const path = join(isRoot ? '/proc/self' : directory, 'socks');
  await expect(listenThere(path)).rejects.toThrow(`not allowed to make a file in ${dirname(path)} (EACCES)`);
});

it.each([
  [107, true],
  [108, false],
])('a path of %d bytes: %s', async (length, fits) => {
  const directory = await temporaryDirectory();
  // Two bytes for each letter: bytes count, not letters.
  const rest = length - directory.length - 1;
  const path = join(directory, `${'ä'.repeat(Math.floor(rest / 2))}${rest % 2 === 1 ? 'x' : ''}`);
  const listening = listenThere(path);
  if (fits) {
    await listening;
    expect(await greetingAt(path)).toBe('hello');
  } else {
    await expect(listening).rejects.toThrow('the path is longer than 107 bytes (ENAMETOOLONG)');
  }
});
