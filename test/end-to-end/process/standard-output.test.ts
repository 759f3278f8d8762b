import { spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, readSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../../config/temporary-directory.ts';
import { useCleanups } from '../../support/cleanups.ts';
import { needs } from '../../support/needs.ts';
import { expectEcho, startEchoPair } from '../support/echo-pair.ts';
import type { Pair } from '../support/pair.ts';

const PROGRAMS = ['client', 'concentrator'] as const;
type ProgramName = (typeof PROGRAMS)[number];

/** Something that is wrong with standard output, for one program. */
interface Output {
  /** What runs the program with it. */
  readonly under: readonly string[];
  /** Makes it go wrong, where it does not from the start. */
  spoil?(): void;
  /** Makes it work again. @returns what it took, from then on */
  heal?(pid: number): () => string;
}

const runWith = (redirection: string) => ['sh', '-c', `exec "$@" ${redirection}`, 'sh'];

/** Longer than a pipe takes (64 KB), by far. */
const MANY_LINES = 1_000;
const FEW_LINES = 5;
const ECHO_BYTES = 100_000;
const SAID = 'the log cannot be written';

const OUTPUTS: Record<
  string,
  { lines: number; isLossy: boolean; make(folder: string, program: ProgramName): Output }
> = {
  'a full device': {
    lines: FEW_LINES,
    isLossy: true,
    make: () => ({ under: runWith('> /dev/full') }),
  },
  'a pipe whose reader has gone, and another comes': {
    lines: FEW_LINES,
    isLossy: true,
    make(folder, program) {
      const fifo = makeFifo(folder, program);
      const reader = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
      return {
        under: runWith(`> ${fifo}`),
        spoil: () => closeSync(reader),
        heal: () => readerOf(openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK)),
      };
    },
  },
  'a pipe that nobody reads': {
    lines: MANY_LINES,
    isLossy: false,
    make(folder, program) {
      const fifo = makeFifo(folder, program);
      openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
      return { under: runWith(`> ${fifo}`) };
    },
  },
  'a file on a full disk that is emptied later': {
    lines: FEW_LINES,
    isLossy: true,
    make(folder) {
      const fill = 'mount -t tmpfs -o size=64k none "$0" && head -c 100000 /dev/zero > "$0/filler"';
      return {
        under: ['unshare', '--mount', 'sh', '-c', `${fill}; exec "$@" >> "$0/log"`, folder],
        heal(pid) {
          const inside = `/proc/${pid}/root${folder}`;
          rmSync(`${inside}/filler`);
          return readerOf(openSync(`${inside}/log`, constants.O_RDONLY));
        },
      };
    },
  },
};

describe('a log that cannot be written', needs('mounts'), () => {
  const onCleanup = useCleanups();

  it.each(Object.entries(OUTPUTS))('ends nothing: %s', async (_name, { lines, isLossy, make }) => {
    const outputs = {
      client: make(await temporaryDirectory(), 'client'),
      concentrator: make(await temporaryDirectory(), 'concentrator'),
    };
    const log = { level: 'debug', format: 'json' };
    const { pair, socket } = await startEchoPair(onCleanup, {
      under: { client: outputs.client.under, concentrator: outputs.concentrator.under },
      client: { log },
      concentrator: { log },
    });
    await expectEcho(socket, ECHO_BYTES);
    for (const program of PROGRAMS) outputs[program].spoil?.();
    await Promise.all(PROGRAMS.map((program) => makeItTalk(pair, program, lines)));
    await expectEcho(socket, ECHO_BYTES);
    for (const program of PROGRAMS) {
      expect((await pair.get(program, '/healthz')).status).toBe(200);
      await expect.poll(async () => (await droppedLines(pair, program)) > 0).toBe(isLossy);
      const said = pair[program].output.split('\n').filter((line) => line.includes(SAID));
      expect(said).toHaveLength(isLossy ? 1 : 0);
      const read = outputs[program].heal?.(pair[program].pid);
      if (read) await untilHealed(pair, program, read);
    }
    await expectEcho(socket, ECHO_BYTES);
    const before = performance.now();
    await pair.close();
    expect(performance.now() - before).toBeLessThan(15_000);
  });
});

/** Every program says something about each stranger that talks nonsense to it. */
async function makeItTalk(pair: Pair, program: ProgramName, lines: number): Promise<void> {
  const address = program === 'client' ? pair.socks : pair.subflows;
  const AT_ONCE = 50;
  for (let sent = 0; sent < lines; sent += AT_ONCE) {
    await Promise.all(
      Array.from({ length: Math.min(AT_ONCE, lines - sent) }, async () => {
        const socket = connect({ ...address });
        socket.on('error', () => {});
        socket.end('nonsense');
        socket.resume();
        // Perhaps with a reset.
        await new Promise((resolve) => socket.once('close', resolve));
      }),
    );
  }
}

async function untilHealed(pair: Pair, program: ProgramName, read: () => string): Promise<void> {
  let text = '';
  for (let attempt = 0; attempt < 100 && !text.includes('log lines were lost'); attempt += 1) {
    await makeItTalk(pair, program, 1);
    await new Promise((resolve) => setTimeout(resolve, 100));
    text += read();
  }
  expect(text).toContain('log lines were lost');
  const dropped = await droppedLines(pair, program);
  await makeItTalk(pair, program, FEW_LINES);
  expect(await droppedLines(pair, program)).toBe(dropped);
}

async function droppedLines(pair: Pair, program: ProgramName): Promise<number> {
  return (await pair.metrics(program)).sum('tributary_log_lines_dropped_total');
}

function makeFifo(folder: string, name: string): string {
  const fifo = join(folder, name);
  expect(spawnSync('mkfifo', [fifo]).status).toBe(0);
  return fifo;
}

/** Reads what is there now. */
function readerOf(descriptor: number): () => string {
  const buffer = Buffer.alloc(64 * 1024);
  return () => {
    try {
      return buffer.toString('utf8', 0, readSync(descriptor, buffer));
    } catch {
      // EAGAIN.
      return '';
    }
  };
}
