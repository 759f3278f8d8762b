import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { useCleanups } from '../../support/cleanups.ts';
import { expectEcho, startEchoPair } from '../support/echo-pair.ts';
import { socksConnect } from '../support/socks-client.ts';

/** A program alone has some thirty open, but while it is loaded Node.js opens far more files at once. */
const LIMIT = 320;
const ASKED = 450;
const ECHO_BYTES = 50_000;

describe('a program with few file descriptors', () => {
  const onCleanup = useCleanups();

  it.each([
    {
      program: 'client',
      name: 'tributary_descriptor_refusals_total',
      labels: { work: 'stream' },
      line: 'few file descriptors are left',
      mostLines: 1,
    },
    // It stops each client earlier.
    {
      program: 'concentrator',
      name: 'tributary_limits_reached_total',
      labels: { limit: 'descriptors' },
      line: 'limit reached: descriptors',
      mostLines: 30,
    },
  ] as const)(
    'refuses new connections, keeps those that are open, says so, and recovers: $program',
    async ({ program, name, labels, line, mostLines }) => {
      const under = { [program]: ['prlimit', `--nofile=${LIMIT}:${LIMIT}`] };
      const { pair, origin, socket: first } = await startEchoPair(onCleanup, { under });

      const opened: Socket[] = [];
      onCleanup(() => opened.forEach((socket) => void socket.destroy()));
      for (let i = 0; i < ASKED; i += 1) {
        const answer = await socksConnect(pair.socks, origin).catch(() => undefined);
        if (answer?.reply === 0) opened.push(answer.socket);
        else answer?.socket.destroy();
      }
      expect(opened.length).toBeGreaterThan(LIMIT / 4);
      expect(opened.length).toBeLessThan(LIMIT);
      await expectEcho(first, ECHO_BYTES);
      for (const path of ['/healthz', '/metrics', '/status']) {
        expect((await pair.get(program, path)).status).toBe(200);
      }
      const metrics = await pair.metrics(program);
      expect(metrics.sum(name, labels)).toBeGreaterThan(0);
      expect(metrics.sum('process_open_fds')).toBeLessThan(LIMIT);
      await pair[program].untilLine(line);
      const said = pair[program].output.split('\n').filter((one) => one.includes(line));
      expect(said.length).toBeLessThanOrEqual(mostLines);

      for (const socket of opened) socket.destroy();
      await expect
        .poll(async () => {
          const answer = await socksConnect(pair.socks, origin).catch(() => undefined);
          answer?.socket.destroy();
          return answer?.reply;
        })
        .toBe(0);
      await expectEcho(first, ECHO_BYTES);
    },
  );
});
