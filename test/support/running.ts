import { isDeepStrictEqual } from 'node:util';
import { expect, vi } from 'vitest';

/**
 * What goes on by itself in this process: servers, child processes, and timers, which are counted where vitest's fake timers
 * are in use.
 */
export function running(): readonly string[] {
  const handles = process.getActiveResourcesInfo().filter((name) => HANDLES.has(name));
  const timers = vi.isFakeTimers() ? vi.getTimerCount() : 0;
  return [...handles, ...Array.from({ length: timers }, () => 'timer')].sort();
}

/** What is closed may need a while to be gone. */
const GONE_AFTER_MS = 15_000;

/** Until this goes on, and nothing else. Fake timers do not advance meanwhile: one that was forgotten must not go by itself. */
export async function untilRunning(expected: readonly string[]): Promise<void> {
  const limitMs = performance.now() + GONE_AFTER_MS;
  while (!isDeepStrictEqual(running(), expected) && performance.now() < limitMs) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(running()).toEqual(expected);
}

const HANDLES: ReadonlySet<string> = new Set(['TCPServerWrap', 'ProcessWrap']);
