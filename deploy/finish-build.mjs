// What tsc leaves to do: it writes files without the executable bit, which the two programs in package.json's `bin` need, and
// it takes only code, while pages also have their text, style and icon.
import { chmodSync, cpSync } from 'node:fs';

for (const program of ['client-proxy', 'server-concentrator']) {
  chmodSync(new URL(`../dist/${program}/main.js`, import.meta.url), 0o755);
}
for (const path of [
  ...['base.css', 'icon.svg'].map((file) => `shared/page-browser/${file}`),
  ...['client-proxy', 'server-concentrator'].flatMap((program) =>
    ['index.html', 'page.css'].map((file) => `${program}/page/browser/${file}`),
  ),
]) {
  cpSync(new URL(`../${path}`, import.meta.url), new URL(`../dist/${path}`, import.meta.url));
}
