import { readFileSync } from 'node:fs';

/** This project's version, from its package.json: three folders up in the sources, four in the built tree. */
export function programVersion(): string {
  for (const path of ['../../../package.json', '../../../../package.json']) {
    try {
      return (JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as { version: string })
        .version;
    } catch {
      // Try the other place.
    }
  }
  return 'unknown';
}
