import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { useCleanups } from '../../support/cleanups.ts';
import { Pair } from '../support/pair.ts';

describe('a client that is killed', () => {
  const onCleanup = useCleanups();

  it('leaves none of its children behind', async () => {
    const pair = await Pair.start();
    onCleanup(() => pair.close());
    await expect.poll(() => childrenOf(pair.client.pid).some(({ name }) => name === 'ip')).toBe(true);
    // With the shells that watch them.
    const children = childrenOf(pair.client.pid).flatMap(({ pid }) => [pid, ...descendants(pid)]);
    await pair.client.kill();
    await expect.poll(() => children.filter(isAlive), { timeout: 5_000 }).toEqual([]);
  });
});

interface Process {
  readonly pid: number;
  readonly name: string;
  readonly parent: number;
}

function childrenOf(pid: number): Process[] {
  return processes().filter(({ parent }) => parent === pid);
}

function descendants(pid: number): number[] {
  return childrenOf(pid).flatMap((child) => [child.pid, ...descendants(child.pid)]);
}

function isAlive(pid: number): boolean {
  return processes().some((process) => process.pid === pid);
}

/** Without zombies. */
function processes(): Process[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
        const [, name = '', state, parent] = /\((.*)\) (\S) (\d+)/s.exec(stat) ?? [];
        return state === 'Z' ? [] : [{ pid: Number(pid), name, parent: Number(parent) }];
      } catch {
        return [];
      }
    });
}
