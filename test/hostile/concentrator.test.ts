import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { type ControlFrame, encodeControl, writeDataHeader } from '../../shared/protocol/codec/frame.ts';
import { DATA_HEADER_BYTES } from '../../shared/protocol/codec/wire.ts';
import { ERROR_CODE } from '../../shared/protocol/errors.ts';
import { socksConnect } from '../end-to-end/support/socks-client.ts';
import { type RogueBehaviour, RogueConcentrator } from './support/rogue-concentrator.ts';

const ATTACK_MS = 1_500;
/** A session that ends at once is made again after half a second, then less and less often, over each of two uplinks. */
const MAX_DIALS = 60;
/** Bursts of a few kinds of lines; after them one in ten seconds of each kind. */
const MAX_LINES = 120;
const MAX_GROWTH_BYTES = 128e6;
/** An endpoint of a program that is busy, on a machine that is busy, too. */
const ANSWER_MS = 10_000;

/** A DATA frame of one byte. */
function oneByte(streamId: number, dsn: number): Uint8Array {
  const frame = new Uint8Array(DATA_HEADER_BYTES + 1);
  writeDataHeader(frame, 0, streamId, dsn, 1, false);
  return frame;
}

/** Writes as fast as the client reads. One that reads as fast as we write would otherwise never let this process do anything else. */
function flood(socket: TLSSocket, make: (i: number) => Uint8Array): void {
  let i = 0;
  const send = () => {
    if (socket.destroyed) return;
    if (socket.write(Buffer.concat(Array.from({ length: 512 }, () => make(i++))))) setImmediate(send);
    else socket.once('drain', send);
  };
  send();
}

function again(socket: TLSSocket, everyMs: number, make: (i: number) => ControlFrame): void {
  let i = 0;
  const timer = setInterval(() => socket.write(encodeControl(make(i++))), everyMs);
  socket.once('close', () => clearInterval(timer));
}

const close = encodeControl({ type: 'close', code: ERROR_CODE.internalError });

const ATTACKS: readonly (RogueBehaviour & { readonly what: string; readonly opens?: number })[] = [
  { what: 'PING without end', onSubflow: (socket) => flood(socket, () => encodeControl({ type: 'ping' })) },
  { what: 'streams that nobody has opened', onSubflow: (socket) => flood(socket, (i) => oneByte(i, 0)) },
  {
    what: 'one byte of two, in every stream that is opened',
    opens: 20,
    onFrame(socket, frame) {
      if (frame.type !== 'open') return;
      const { streamId } = frame;
      socket.write(encodeControl({ type: 'opened', streamId, limit: 65_536, ok: true, code: 0 }));
      for (let dsn = 1; dsn < 60_000; dsn += 2) socket.write(oneByte(streamId, dsn));
    },
  },
  {
    what: 'one subflow, eight, one, eight',
    onSubflow: (socket) =>
      again(socket, 5, (i) => ({ type: 'subflowsWish', subflowId: 0, count: i % 2 === 0 ? 8 : 1 })),
  },
  { what: 'sessions that end at once', onSubflow: (socket) => socket.write(close) },
  { what: 'subflows that end at once', onSubflow: (socket) => socket.destroy() },
  {
    what: 'one that goes away all the time',
    onSubflow: (socket) => again(socket, 1, () => ({ type: 'goaway', code: ERROR_CODE.goingAway })),
  },
];

describe('a hostile concentrator', () => {
  let rogue: RogueConcentrator | undefined;
  afterEach(() => rogue?.stop());

  it.each(ATTACKS)(
    '$what: costs its client little',
    { timeout: 20_000 },
    async ({ what, opens = 0, ...behaviour }) => {
      rogue = await RogueConcentrator.start(behaviour);
      const before = residentBytes(rogue.client.pid, 'VmRSS');
      for (let i = 0; i < opens; i++) {
        void socksConnect(
          { host: rogue.host, port: rogue.socksPort },
          { host: 'origin.test', port: 7 },
        ).catch(() => {});
      }
      await sleep(ATTACK_MS);
      const growth = residentBytes(rogue.client.pid, 'VmHWM') - before;
      const startedMs = performance.now();
      expect(await rogue.answers(ANSWER_MS)).toBe(true);
      const answerMs = Math.round(performance.now() - startedMs);
      const lines = rogue.client.lineCount;
      console.log(
        `${what}: ${rogue.dials} dials, ${lines} lines, ${Math.round(growth / 1e6)} MB more, answers after ${answerMs} ms`,
      );
      expect(rogue.dials).toBeLessThanOrEqual(MAX_DIALS);
      expect(lines).toBeLessThanOrEqual(MAX_LINES);
      expect(growth).toBeLessThanOrEqual(MAX_GROWTH_BYTES);
    },
  );
});

function residentBytes(pid: number, which: 'VmRSS' | 'VmHWM'): number {
  const [, kib] =
    new RegExp(`^${which}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
  return Number(kib) * 1024;
}
