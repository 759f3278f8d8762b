import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { pageFiles } from '../../../shared/runtime/page/page-files.ts';

test('a file that could not be read is read at the next request', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tributary-page-'));
  try {
    const file = pageFiles(pathToFileURL(`${folder}/`), []).get('/')!;
    await expect(file.read()).rejects.toThrow('ENOENT');
    await writeFile(join(folder, 'index.html'), 'there');
    expect(Buffer.from(await file.read()).toString()).toBe('there');
    await writeFile(join(folder, 'index.html'), 'changed');
    expect(Buffer.from(await file.read()).toString()).toBe('there');
  } finally {
    await rm(folder, { recursive: true });
  }
});
