// What tsc leaves to do: it writes files without the executable bit, which the two programs in package.json's `bin` need, and
// it takes only code, while the page also has its text, style and icon.
import { chmodSync, cpSync } from 'node:fs';

for (const program of ['client-proxy', 'server-concentrator']) {
  chmodSync(new URL(`../dist/${program}/main.js`, import.meta.url), 0o755);
}
for (const file of ['index.html', 'page.css', 'icon.svg']) {
  const path = `client-proxy/page/browser/${file}`;
  cpSync(new URL(`../${path}`, import.meta.url), new URL(`../dist/${path}`, import.meta.url));
}
