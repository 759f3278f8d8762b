// What tsc leaves to do: it writes files without the executable bit, which the two programs in package.json's `bin` need, and
// it takes only code, while pages also have their text, style and icon.
import { chmodSync, cpSync } from 'node:fs';

for (const program of ['client-proxy', 'server-concentrator']) {
  chmodSync(new URL(`../dist/${program}/main.js`, import.meta.url), 0o755);
}
for (const page of ['shared/page-browser', 'client-proxy/page/browser', 'server-concentrator/page/browser']) {
  cpSync(new URL(`../${page}`, import.meta.url), new URL(`../dist/${page}`, import.meta.url), {
    recursive: true,
    filter: (path) => !/\.ts$|\/tsconfig\.json$/.test(path),
  });
}
