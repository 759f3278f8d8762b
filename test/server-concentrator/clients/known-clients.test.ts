import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, expect, it, vi } from 'vitest';
import { KnownClients } from '../../../server-concentrator/clients/known-clients.ts';
import { clientText } from '../../../server-concentrator/config/client-schema.ts';
import { temporaryDirectory } from '../../config/temporary-directory.ts';

const logger = pino({ enabled: false });
const client = (id: string) => ({ id, key: new Uint8Array(32).fill(1) });

const namesOf = ({ clients }: KnownClients) => clients?.map(({ id }) => id);

afterEach(() => {
  vi.useRealTimers();
});

it('writes soon after a change, and not more often than every five seconds', async () => {
  const file = join(await temporaryDirectory(), 'known.json');
  const known = await KnownClients.open(file, 'one', logger);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const written = new Set<string>();
  for (let ms = 0; ms < 11_000; ms += 100) {
    known.keep([client(`c${ms}`)]);
    await vi.advanceTimersByTimeAsync(100);
    // The file system takes real time.
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
    written.add(await readFile(file, 'utf8').catch(() => ''));
  }
  // Where there was none, after 0.5, 5.5 and 10.5 s.
  expect(written.size).toBe(4);
  await known.close();
  expect(namesOf(await KnownClients.open(file, 'one', logger))).toEqual(['c10900']);
});

it('belongs to one database; a file that does not say which is that of the configuration', async () => {
  const file = join(await temporaryDirectory(), 'known.json');
  await writeFile(file, JSON.stringify([clientText(client('a'))]));
  const known = await KnownClients.open(file, 'one', logger);
  expect(namesOf(known)).toEqual(['a']);
  known.keep([client('b')]);
  await known.close();
  expect((await KnownClients.open(file, 'two', logger)).clients).toBe(undefined);
  expect(namesOf(await KnownClients.open(file, 'one', logger))).toEqual(['b']);
});
