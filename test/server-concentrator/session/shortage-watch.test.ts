import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { MemoryLevels } from '../../../server-concentrator/session/memory-levels.ts';
import { ShortageWatch } from '../../../server-concentrator/session/shortage-watch.ts';

function watched(sessions: readonly { client: string; usedBytes: number; isLingering: boolean }[]) {
  const levels = new MemoryLevels({
    memoryTotalBytes: 1_000,
    memoryPerClientBytes: 400,
    memoryPerSessionBytes: 400,
  });
  const ended: number[] = [];
  const lines: { refusals?: number }[] = [];
  const holders = sessions.map(({ client, usedBytes, isLingering }, i) => {
    const memory = levels.forSession(client);
    memory.take(usedBytes);
    const end = () => {
      ended.push(i);
      memory.give(usedBytes);
    };
    return { clientId: client, id: String(i), memory, isLingering, end };
  });
  const clock = { ms: 0 };
  const watch = new ShortageWatch({
    total: levels.total,
    holders: () => holders,
    clock: () => clock.ms,
    logger: pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) }),
  });
  return { watch, levels, ended, lines, clock };
}

describe('ShortageWatch', () => {
  it('ends sessions that linger, the largest first, until their client has room', () => {
    const { watch, ended } = watched([
      { client: 'a', usedBytes: 150, isLingering: true },
      { client: 'a', usedBytes: 200, isLingering: true },
      { client: 'a', usedBytes: 20, isLingering: false },
      { client: 'b', usedBytes: 100, isLingering: true },
    ]);
    watch.check();
    expect(ended).toEqual([1]);
  });

  it('ends those of all clients when the process is short', () => {
    const { watch, ended } = watched([
      { client: 'a', usedBytes: 340, isLingering: false },
      { client: 'b', usedBytes: 340, isLingering: false },
      { client: 'c', usedBytes: 220, isLingering: true },
    ]);
    watch.check();
    expect(ended).toEqual([2]);
  });

  it.each([
    ['there is room', 340, 5],
    ['nobody else wants it', 400, 0],
  ])('leaves them while %s', (_, usedBytes, othersBytes) => {
    const { watch, ended, lines } = watched([
      { client: 'a', usedBytes, isLingering: true },
      { client: 'a', usedBytes: othersBytes, isLingering: false },
    ]);
    watch.check();
    expect([ended, lines]).toEqual([[], []]);
  });

  it('says once a minute that streams were refused', () => {
    const { watch, levels, lines, clock } = watched([]);
    const session = levels.forSession('a');
    for (clock.ms = 0; clock.ms < 120_000; clock.ms += 1_000) {
      session.onRefused();
      watch.check();
    }
    expect(lines.map(({ refusals }) => refusals)).toEqual([1, 60]);
  });
});
