import { existsSync, readFileSync } from 'node:fs';

/** This project's version, from the nearest package.json above this file: its folder differs in sources, builds and bundles. */
export function programVersion(): string {
  let folder = new URL('.', import.meta.url);
  for (;;) {
    const file = new URL('package.json', folder);
    if (existsSync(file)) return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
    const above = new URL('..', folder);
    if (above.href === folder.href) return 'unknown';
    folder = above;
  }
}
