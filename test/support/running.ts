import { vi } from 'vitest';

/**
 * What goes on by itself in this process: servers, child processes, and timers, which are counted where vitest's fake timers
 * are in use.
 */
export function running(): readonly string[] {
  const handles = process.getActiveResourcesInfo().filter((name) => HANDLES.has(name));
  const timers = vi.isFakeTimers() ? vi.getTimerCount() : 0;
  return [...handles, ...Array.from({ length: timers }, () => 'timer')].sort();
}

const HANDLES: ReadonlySet<string> = new Set(['TCPServerWrap', 'ProcessWrap']);
