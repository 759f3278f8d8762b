import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { UnsentUsage } from '../../../server-concentrator/usage/unsent-usage.ts';
import { temporaryDirectory } from '../../config/temporary-directory.ts';

const batch = (number: number) => ({
  ...{ writer: '00000000-0000-4000-8000-000000000001', number, hour: '2026-11-29T12' },
  counts: [{ client: 'a', upBytes: number, downBytes: 0, connections: 1 }],
});

async function bed() {
  const file = join(await temporaryDirectory(), 'unsent.json');
  const lines: string[] = [];
  const logger = pino({}, { write: (line: string) => void lines.push(line) });
  return { file, lines, open: (database: string) => UnsentUsage.open(file, database, logger) };
}

it('waits for its own database, whatever others there are meanwhile', async () => {
  const { open, lines } = await bed();
  await (await open('one')).keep([batch(1)]);
  const other = await open('two');
  expect(other.batches).toEqual([]);
  expect(lines.join('')).toContain('waits for another database');
  await other.keep([batch(2)]);
  await other.keep([]);
  const again = await open('one');
  expect(again.batches).toEqual([batch(1)]);
  await again.keep([]);
  expect((await open('one')).batches).toEqual([]);
});

it('is that of the database of the configuration where the file does not say it', async () => {
  const { open, file } = await bed();
  await writeFile(file, JSON.stringify([batch(1)]));
  const unsent = await open('one');
  expect(unsent.batches).toEqual([batch(1)]);
  await unsent.keep([batch(1)]);
  expect(JSON.parse(await readFile(file, 'utf8'))[0].database).toBe('one');
});
