import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeControl } from '../../shared/protocol/codec/frame.ts';
import { heapOption } from '../../shared/runtime/process/heap-limit.ts';
import { type Origin, startOrigin } from '../end-to-end/support/origin.ts';
import { Pair } from '../end-to-end/support/pair.ts';
import { readAll, socksConnect } from '../end-to-end/support/socks-client.ts';
import { RogueClient } from '../end-to-end/support/subflow-client.ts';
import { type AttackOrigins, MEMORY_ATTACKS, type MemoryAttack, Rogue } from './support/memory-attacks.ts';

const MIB = 1024 * 1024;
const TOTAL_BYTES = 96 * MIB;
/** By default a client may have a quarter. What the program takes besides, rubbish before it is collected included, is not counted. */
const ONE_CLIENT_BYTES = TOTAL_BYTES / 3;
const BESIDES_BYTES = 64 * MIB;
/** The project's promise. */
const BEYOND_TOTAL_BYTES = 150e6;
const FLOOR_BYTES = 64 * 1024;
/** How long an attack goes on. */
const ATTACK_MS = 1_000;
const UPLOAD_BYTES = 4 * MIB;

describe('a client that wants the concentrator to keep more than it may', () => {
  let pair: Pair;
  let origins: Record<keyof Omit<AttackOrigins, 'refusing'>, Origin>;

  beforeAll(async () => {
    origins = {
      sink: await startOrigin((socket) => {
        socket.resume();
        socket.once('end', () => socket.end('done'));
      }),
      stuck: await startOrigin((socket) => socket.pause()),
      endless: await startOrigin((socket) => {
        const send = () => {
          while (!socket.destroyed && socket.write(CHUNK));
        };
        socket.on('drain', send);
        send();
      }),
      dripping: await startOrigin((socket) => {
        socket.setNoDelay(true);
        const timer = setInterval(() => socket.write('x'), 1);
        socket.once('close', () => clearInterval(timer));
      }),
    };
    pair = await Pair.start({
      otherClients: ['rogue', 'victim'],
      concentrator: { linger: '1s', limits: { memoryTotal: `${TOTAL_BYTES / MIB}MiB` } },
      // As services have it. With a heap that may grow to a part of the machine's memory, rubbish is collected when it is much.
      under: { concentrator: ['env', `NODE_OPTIONS=${heapOption(TOTAL_BYTES)}`] },
    });
    // Some ordinary traffic, so that the program has grown to its usual size.
    for (let i = 0; i < 4; i++) await upload(pair, origins.sink);
  });
  afterAll(async () => {
    await pair.close();
    for (const origin of Object.values(origins)) await origin.close();
  });

  it.each(MEMORY_ATTACKS)(
    '$what: is held to its part, and another client to nothing',
    { timeout: 20_000 },
    async (attack) => {
      // Pages that the engine has once used it may keep.
      const restBytes = residentBytes(pair, 'VmRSS');
      forgetPeak(pair);
      const rogues = await attackWith(attack, pair, { ...origins, refusing: pair.refusing });
      const { limitBytes, uploadMs } = await serviceOfVictim(pair, origins.sink);
      const peakBytes = residentBytes(pair, 'VmHWM');
      const metrics = await pair.metrics('concentrator');
      const heldBytes = metrics.sum('tributary_largest_client_memory_bytes');
      console.log(
        `${attack.what}: peak ${mebibytes(peakBytes)} MiB (at rest ${mebibytes(restBytes)}), counted ${mebibytes(heldBytes)}; ` +
          `the other client: first window ${limitBytes / 1024} KiB, ${UPLOAD_BYTES / MIB} MiB uploaded in ${uploadMs.toFixed(0)} ms`,
      );
      expect(peakBytes).toBeLessThan(TOTAL_BYTES + BEYOND_TOTAL_BYTES);
      expect(peakBytes - restBytes).toBeLessThan(ONE_CLIENT_BYTES + BESIDES_BYTES);
      expect(limitBytes).toBeGreaterThan(FLOOR_BYTES);
      for (const { client } of rogues) client.socket.destroy();
      const memory = async () =>
        (await pair.metrics('concentrator')).sum('tributary_largest_client_memory_bytes');
      await expect.poll(memory, { timeout: 5_000 }).toBeLessThan(MIB);
    },
  );
});

const CHUNK = Buffer.alloc(64 * 1024);

async function attackWith(
  attack: MemoryAttack,
  pair: Pair,
  origins: AttackOrigins,
): Promise<readonly Rogue[]> {
  const rogues = await Promise.all(
    Array.from({ length: attack.sessions }, () => Rogue.connect(pair, 'rogue')),
  );
  const endMs = performance.now() + ATTACK_MS;
  const running = rogues.map((rogue) =>
    attack.run(rogue, origins, () => rogue.isClosed || performance.now() > endMs).catch(() => {}),
  );
  await Promise.all(running);
  return rogues;
}

/** What another client gets meanwhile: the first window of a stream, and the time of an upload of the pair's own client. */
async function serviceOfVictim(pair: Pair, sink: Origin): Promise<{ limitBytes: number; uploadMs: number }> {
  const victim = await RogueClient.connect(pair, pair.identityOf('victim'));
  const { host, port } = sink;
  victim.socket.write(encodeControl({ host, port, type: 'open', streamId: 0, limit: FLOOR_BYTES, mode: 0 }));
  const { ok, limit } = await victim.next('opened');
  expect(ok).toBe(true);
  victim.socket.destroy();
  const startedMs = performance.now();
  await upload(pair, sink);
  return { limitBytes: limit, uploadMs: performance.now() - startedMs };
}

async function upload(pair: Pair, sink: Origin): Promise<void> {
  const { reply, socket } = await socksConnect(pair.socks, sink);
  expect(reply).toBe(0);
  socket.end(Buffer.alloc(UPLOAD_BYTES));
  expect((await readAll(socket)).bytes.toString()).toBe('done');
}

function residentBytes({ concentrator }: Pair, which: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${concentrator.child.pid}/status`, 'utf8');
  return Number(new RegExp(`${which}:\\s+(\\d+) kB`).exec(status)![1]) * 1024;
}

/** The peak is counted from now on. */
function forgetPeak({ concentrator }: Pair): void {
  writeFileSync(`/proc/${concentrator.child.pid}/clear_refs`, '5');
}

function mebibytes(bytes: number): string {
  return (bytes / MIB).toFixed(0);
}
