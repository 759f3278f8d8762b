// What tsc leaves to do: it writes files without the executable bit, which the two programs in package.json's `bin` need, and
// it takes only code, while pages also have their text, style and icon. What browsers load is written shorter: each file by itself.
import { chmodSync, cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
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
  for (const name of readdirSync(built, { recursive: true, encoding: 'utf8' })) {
    const loader = { '.js': 'js', '.css': 'css' }[extname(name)];
    if (loader === undefined) continue;
    const file = join(built, name);
    const { code } = transformSync(readFileSync(file, 'utf8'), { loader, minify: true, target: 'es2022' });
    writeFileSync(file, code);
  }
}
