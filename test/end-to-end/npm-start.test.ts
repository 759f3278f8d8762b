import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { useCleanups } from '../support/cleanups.ts';
import { freePort } from '../support/ports.ts';
import { startOrigin } from './support/origin.ts';
import { PROJECT_FOLDER, Program } from './support/program.ts';
import { readAll, socksConnect } from './support/socks-client.ts';

const LIMIT_MS = 40_000;
const UP = 'Ctrl-C ends it';
/** Two set-up commands and two programs, on a busy machine. */
const START_MS = 20_000;

describe('npm start', () => {
  const onCleanup = useCleanups();

  it(
    'brings the pair up, says how to use it, and leaves nothing after Ctrl-C',
    async () => {
      const port = await freePort();
      const { program, folder } = await npmStart('--port', String(port));
      await program.untilLine(UP, { limitMs: START_MS });
      expect(program.output).toContain(`curl --socks5-hostname 127.0.0.1:${port} https://`);
      expect(processesIn(folder).filter(isOurs)).toHaveLength(4 + NPM_PROCESSES);

      const origin = await startOrigin((socket) => {
        socket.end('HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello');
      });
      onCleanup(() => origin.close());
      const { stdout } = await promisify(execFile)('curl', [
        ...['--silent', '--max-time', '10', '--socks5-hostname', `127.0.0.1:${port}`],
        `http://${origin.host}:${origin.port}/`,
      ]);
      expect(stdout).toBe('hello');

      pressCtrlC(program);
      await program.untilExit();
      await expectNothingLeft(folder);
    },
    LIMIT_MS,
  );

  it(
    'ends within its ten seconds of grace while a connection is open, at once after a second Ctrl-C',
    async () => {
      const port = await freePort();
      const { program, folder } = await npmStart('--port', String(port));
      await program.untilLine(UP, { limitMs: START_MS });
      const origin = await startOrigin();
      onCleanup(() => origin.close());
      const { socket } = await socksConnect({ host: '127.0.0.1', port }, origin);
      const ended = readAll(socket);
      pressCtrlC(program);
      await expect(refused(port)).resolves.toBe(true);
      expect(socket.destroyed).toBe(false);
      pressCtrlC(program);
      // Cut off, which must not look like a complete transfer.
      expect((await ended).error).toBe('ECONNRESET');
      await program.untilExit();
      await expectNothingLeft(folder);
    },
    LIMIT_MS,
  );

  it(
    'ends by SIGTERM to the process that npm runs',
    async () => {
      const { program, folder } = await npmStart('--port', String(await freePort()));
      await program.untilLine(UP, { limitMs: START_MS });
      const localPair = processesIn(folder).find(({ command }) => command.startsWith('node dist/'))!;
      process.kill(localPair.pid, 'SIGTERM');
      expect(await program.untilExit()).toBe(0);
      await expectNothingLeft(folder);
    },
    LIMIT_MS,
  );

  it.each<[string, (pids: NpmStart) => number]>([
    ['npm', ({ npm }) => npm],
    ['the shell that npm runs', ({ shell }) => shell],
    ['the process that npm runs', ({ localPair }) => localPair],
    ['all of them, as a group', ({ npm }) => -npm],
  ])(
    'leaves nothing when it is killed: %s',
    async (_name, choose) => {
      const { program, folder } = await npmStart('--port', String(await freePort()));
      await program.untilLine(UP, { limitMs: START_MS });
      process.kill(choose(pidsOf(program, folder)), 'SIGKILL');
      await expectNothingLeft(folder);
    },
    LIMIT_MS,
  );

  it(
    'leaves nothing when it is killed while it comes up',
    async () => {
      const { program, folder } = await npmStart('--port', String(await freePort()));
      while (readdirSync(folder).every((name) => !existsSync(join(folder, name, 'clients.yaml'))))
        await new Promise((resolve) => setTimeout(resolve, 5));
      process.kill(pidsOf(program, folder).localPair, 'SIGKILL');
      await expectNothingLeft(folder);
    },
    LIMIT_MS,
  );

  it(
    'leaves nothing after Ctrl-C while it comes up',
    async () => {
      const { program, folder } = await npmStart('--port', String(await freePort()));
      while (readdirSync(folder).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      pressCtrlC(program);
      await program.untilExit();
      expect(program.output).not.toMatch(/Error|failed|\bat /);
      await expectNothingLeft(folder);
    },
    LIMIT_MS,
  );

  it(
    'says so when the port is taken, and names another',
    async () => {
      const server = createServer().listen({ host: '127.0.0.1', port: 0 });
      await once(server, 'listening');
      onCleanup(() => server.close());
      const { port } = server.address() as { port: number };
      const { program, folder } = await npmStart('--port', String(port));
      expect(await program.untilExit()).toBe(1);
      expect(program.output).toContain(`port ${port} on 127.0.0.1 is taken`);
      expect(program.output).toContain(`npm start -- --port ${port + 1}`);
      expect(program.output).not.toContain('    at ');
      await expectNothingLeft(folder);
    },
    LIMIT_MS,
  );

  it(
    'refuses a port that is none',
    async () => {
      const { program } = await npmStart('--port', '70000');
      expect(await program.untilExit()).toBe(1);
      expect(program.output).toContain('--port takes a number from 1 to 65535');
    },
    LIMIT_MS,
  );

  /** In a process group of its own, as a terminal has it, and with a folder for temporary files of its own. */
  async function npmStart(...args: string[]): Promise<{ program: Program; folder: string }> {
    const folder = await mkdtemp(join(tmpdir(), 'tributary-start-'));
    const program = new Program('npm', ['start', '--', ...args], {
      cwd: PROJECT_FOLDER,
      env: { ...process.env, TMPDIR: folder },
      detached: true,
    });
    onCleanup(async () => {
      for (const { pid } of processesIn(folder)) process.kill(pid, 'SIGKILL');
      await rm(folder, { recursive: true, force: true });
    });
    return { program, folder };
  }
});

interface NpmStart {
  readonly npm: number;
  readonly shell: number;
  readonly localPair: number;
}

function pidsOf(program: Program, folder: string): NpmStart {
  const pidOf = (start: string) => processesIn(folder).find(({ command }) => command.startsWith(start))!.pid;
  return { npm: program.pid, shell: pidOf('sh -c node dist/'), localPair: pidOf('node dist/') };
}

/** npm itself and the shell in which it runs a script. */
const NPM_PROCESSES = 2;

/** Not what the client watches and reads the network with: `ip monitor` with its shell, and `ip` for a moment after each change. */
function isOurs({ command }: { command: string }): boolean {
  return !/^(\S*\/)?ip |^sh -c \{ read/.test(command);
}

/** What a terminal does: to npm, its shell and what that runs. */
function pressCtrlC(program: Program): void {
  process.kill(-program.pid, 'SIGINT');
}

/** npm goes when its child has been told; the rest a moment later. */
async function expectNothingLeft(folder: string): Promise<void> {
  const files = () => readdirSync(folder).filter((name) => name.startsWith('tributary-'));
  await expect.poll(() => [...processesIn(folder), ...files()], { timeout: 15_000 }).toEqual([]);
}

/** The processes that have this folder for their temporary files. */
function processesIn(folder: string): { pid: number; command: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        if (!readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`TMPDIR=${folder}`)) return [];
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        // A zombie has no command line.
        return command === '' || !existsSync(`/proc/${pid}/exe`) ? [] : [{ pid: Number(pid), command }];
      } catch {
        return [];
      }
    });
}

/** Whether nobody listens at the port any more; it may take a moment. */
async function refused(port: number): Promise<boolean> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const socket = connect({ host: '127.0.0.1', port });
    const isRefused = await once(socket, 'connect').then(
      () => false,
      () => true,
    );
    socket.destroy();
    if (isRefused) return true;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return false;
}
