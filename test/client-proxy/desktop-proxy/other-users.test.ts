import { describe, expect, it } from 'vitest';
import { forEachUser } from '../../../client-proxy/desktop-proxy/other-users.ts';

describe('all users of a machine', () => {
  it.each([
    ['none hangs', [1_000, 1_000, 1_000, 1_000], [], [20_000, 26_333, 39_000, 77_000]],
    ['the first hangs', [Infinity, 1_000, 1_000], ['anna'], [26_666, 26_667, 52_334]],
    ['all hang', [Infinity, Infinity], ['anna', 'bert'], [40_000, 40_000]],
    ['there is one', [Infinity], ['anna'], [80_000]],
    ['there are none', [], [], []],
  ])('have their turn where %s', async (_, needsMs, slow, sharesMs) => {
    let nowMs = 5;
    const users = ['anna', 'bert', 'carl', 'dora']
      .slice(0, needsMs.length)
      .map((name, id) => ({ name, id, groupId: id }));
    const given: number[] = [];
    const failed = await forEachUser(
      users,
      () => nowMs,
      async ({ id }, timeoutMs) => {
        given.push(timeoutMs);
        nowMs += Math.min(needsMs[id]!, timeoutMs);
        return needsMs[id]! > timeoutMs ? 'it took too long' : undefined;
      },
    );
    expect(failed).toEqual(slow.map((name) => `for ${name}: it took too long`));
    expect(given).toEqual(sharesMs);
  });
});
