// What tsc leaves to do: it writes files without the executable bit, which the two programs in package.json's `bin` need, and
// it takes only code, while pages also have their text, style and icon. What browsers load is written without the spaces that are
// there for people; names stay, so that a complaint says where it comes from.
import { chmodSync, cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { transformSync } from 'esbuild';

for (const program of ['client-proxy', 'server-concentrator']) {
  chmodSync(new URL(`../dist/${program}/main.js`, import.meta.url), 0o755);
}
for (const page of ['shared/page-browser', 'client-proxy/page/browser', 'server-concentrator/page/browser']) {
  const built = fileURLToPath(new URL(`../dist/${page}`, import.meta.url));
  cpSync(new URL(`../${page}`, import.meta.url), built, {
    recursive: true,
    filter: (path) => !/\.ts$|\/tsconfig\.json$/.test(path),
  });
  for (const name of readdirSync(built, { recursive: true })) {
    const [, loader] = /\.(js|css)$/.exec(name) ?? [];
    if (loader !== undefined) shorten(`${built}/${name}`, loader);
  }
}

function shorten(file, loader) {
  const text = readFileSync(file, 'utf8');
  writeFileSync(file, transformSync(text, { loader, minifyWhitespace: true, minifySyntax: true }).code);
}
