// What tsc leaves to do: it writes files without the executable bit, which the two programs in package.json's `bin` need, and
// it takes only code, while pages also have their text, style and icon; and what browsers load is to be small.
import { chmodSync, cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { transformSync } from 'esbuild';

for (const program of ['client-proxy', 'server-concentrator']) {
  chmodSync(new URL(`../dist/${program}/main.js`, import.meta.url), 0o755);
}
for (const page of ['shared/page-browser', 'client-proxy/page/browser', 'server-concentrator/page/browser']) {
  const folder = new URL(`../dist/${page}/`, import.meta.url);
  cpSync(new URL(`../${page}`, import.meta.url), folder, {
    recursive: true,
    filter: (path) => !/\.ts$|\/tsconfig\.json$/.test(path),
  });
  for (const name of readdirSync(folder, { recursive: true })) {
    const [, loader] = /\.(js|css)$/.exec(name) ?? [];
    if (loader === undefined) continue;
    const file = new URL(name, folder);
    writeFileSync(file, transformSync(readFileSync(file, 'utf8'), { loader, minify: true }).code);
  }
}
