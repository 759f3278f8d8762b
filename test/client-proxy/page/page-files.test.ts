import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { FIRST_RUN_FILES } from '../../../client-proxy/page/first-run-files.ts';
import { PAGE_FILES } from '../../../client-proxy/page/page-files.ts';
import { PAGE_FILES as CONCENTRATOR_FILES } from '../../../server-concentrator/page/page-files.ts';

/** What a module loads in a browser; what is imported as types alone is not there any more. */
const IMPORT = /^(?:import|export) (?!type\b)[^;]*?from '(\.[^']+)';/gm;

it.each([
  ['the client', PAGE_FILES, 'client-proxy/page/browser'],
  ['the first run', FIRST_RUN_FILES, 'client-proxy/page/browser'],
  ['the concentrator', CONCENTRATOR_FILES, 'server-concentrator/page/browser'],
])('the page of %s is served with all that its modules import', async (_, files, folder) => {
  const served = [...files.keys()];
  const missing: string[] = [];
  for (const path of served.filter((one) => one.endsWith('.js') && !one.includes('/lib/'))) {
    const source = path.replace(/^\/page\//, `/${folder}/`).replace(/\.js$/, '.ts');
    const text = await readFile(new URL(`../../..${source}`, import.meta.url), 'utf8');
    for (const [, name] of text.matchAll(IMPORT)) {
      const url = new URL(name!.replace(/\.ts$/, '.js'), `http://page${path}`).pathname;
      if (!files.has(url)) missing.push(`${path}: ${url}`);
    }
  }
  expect(served.length).toBeGreaterThan(5);
  expect(missing).toEqual([]);
});
