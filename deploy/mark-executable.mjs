// tsc writes files without the executable bit; the two programs in package.json's `bin` need it.
import { chmodSync } from 'node:fs';

for (const program of ['client-proxy', 'server-concentrator']) {
  chmodSync(new URL(`../dist/${program}/main.js`, import.meta.url), 0o755);
}
