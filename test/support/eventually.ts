import { vi } from 'vitest';

/** What is waited for comes at once, and much later on a machine that does much else. By default one second would be the limit. */
const LIMIT_MS = 15_000;

/**
 * Calls this again and again until it throws nothing.
 * @returns what it returns then
 * @throws what it threw last, after 15 s
 */
export function eventually<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, { timeout: LIMIT_MS });
}
