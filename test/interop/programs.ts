import { existsSync } from 'node:fs';
import { it } from 'vitest';

/** The other software that these tests run, and the Debian package that has it. */
const PACKAGES = {
  curl: ['/usr/bin/curl', 'curl'],
  nginx: ['/usr/sbin/nginx', 'nginx-light'],
  chromium: ['/usr/bin/chromium', 'chromium'],
  proxychains: ['/usr/bin/proxychains4', 'proxychains4'],
  wrk: ['/usr/bin/wrk', 'wrk'],
} as const;

type ProgramName = keyof typeof PACKAGES;

/** Where a program is. */
export function pathOf(name: ProgramName): string {
  return PACKAGES[name][0];
}

/**
 * Defines the tests of `body` where all programs are installed. Where one is missing, one test in their place says what to
 * install; it is skipped, or fails in CI, which has to have them all.
 */
export function withPrograms(names: readonly ProgramName[], body: () => void): void {
  const missing = names.filter((name) => !existsSync(pathOf(name)));
  if (missing.length === 0) {
    body();
    return;
  }
  const message = `needs ${missing.join(', ')}: apt-get install ${missing.map((name) => PACKAGES[name][1]).join(' ')}`;
  if (process.env.CI === 'true') {
    it(message, () => {
      throw new Error(message);
    });
  } else {
    it.skip(message, () => {});
  }
}
