import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises';
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
  const written = async () => /"id":"(c\d+)"/.exec(await readFile(file, 'utf8').catch(() => ''))?.[1];
  const until = async (name: string) => {
    while ((await written()) !== name) await new Promise((resolve) => setImmediate(resolve));
  };
  let count = 0;
  /** Changes ten times a second. */
  const pass = async (ms: number) => {
    for (let passedMs = 0; passedMs < ms; passedMs += 100) {
      known.keep([client(`c${count++}`)]);
      await vi.advanceTimersByTimeAsync(100);
    }
  };
  await pass(500);
  await until('c4');
  await pass(4_900);
  expect(await written()).toBe('c4');
  await pass(100);
  await until('c54');
  await pass(4_900);
  expect(await written()).toBe('c54');
  await known.close();
  expect(namesOf(await KnownClients.open(file, 'one', logger))).toEqual(['c103']);
});

it('is written again after it could not be written, although nothing has changed since', async () => {
  const file = join(await temporaryDirectory(), 'known.json');
  const lines: string[] = [];
  const known = await KnownClients.open(
    file,
    'one',
    pino({}, { write: (line: string) => void lines.push(line) }),
  );
  // A folder stands in its place.
  await mkdir(file);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const until = async (isDone: () => boolean | Promise<boolean>) => {
    while (!(await isDone())) await new Promise((resolve) => setImmediate(resolve));
  };
  known.keep([client('a')]);
  await vi.advanceTimersByTimeAsync(500);
  await until(() => lines.join('').includes('cannot be kept'));
  await vi.advanceTimersByTimeAsync(5_000);
  await rmdir(file);
  await vi.advanceTimersByTimeAsync(10_000);
  await until(() =>
    readFile(file, 'utf8').then(
      (text) => text.includes('"id":"a"'),
      () => false,
    ),
  );
  await known.close();
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
