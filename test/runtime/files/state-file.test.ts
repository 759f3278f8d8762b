import { mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { jsonFormat, StateFile } from '../../../shared/runtime/files/state-file.ts';
import { temporaryDirectory } from '../../config/temporary-directory.ts';

const SCHEMA = z.strictObject({ version: z.literal(1), value: z.number() });
const MAX_BYTES = 1_000;

let directory: string;
let file: string;
let lines: [message: string, fields: object][];

beforeEach(async () => {
  directory = join(await temporaryDirectory(), 'state');
  file = join(directory, 'thing.json');
  lines = [];
});

const say = (fields: object, message: string) => void lines.push([message, fields]);
const open = () =>
  StateFile.open({
    ...{ file, format: jsonFormat(SCHEMA), what: 'the things', maxBytes: MAX_BYTES },
    logger: { warn: say, info: say } as never,
  });
const state = (value: number) => () => ({ version: 1 as const, value });

describe('a file of what a program has learned', () => {
  it('is as good after a restart, and the owner’s alone', async () => {
    const { stateFile, state: none } = await open();
    expect(none).toBeUndefined();
    await stateFile.save(state(7));
    expect((await open()).state).toEqual({ version: 1, value: 7 });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(lines).toEqual([]);
  });

  it('has the last of many states that are saved at once', async () => {
    const { stateFile } = await open();
    await Promise.all([1, 2, 3, 4].map((value) => stateFile.save(state(value))));
    expect((await open()).state).toEqual({ version: 1, value: 4 });
  });

  it.each([
    ['no JSON', 'hello'],
    ['nothing', ''],
    ['another version', '{"version": 2, "value": 1}'],
    ['more than it may be', `{"version": 1, "value": 1}${' '.repeat(MAX_BYTES)}`],
  ])('that holds %s is set aside, told of once, and written anew', async (_, text) => {
    await mkdir(directory, { recursive: true });
    await writeFile(file, text);
    const { stateFile, state: none } = await open();
    expect(none).toBeUndefined();
    const kept = `${file}.damaged`;
    expect(lines).toEqual([['the things are lost', { reason: expect.stringContaining(file), kept }]]);
    expect(await readFile(kept, 'utf8')).toBe(text);
    await stateFile.save(state(1));
    expect((await open()).state).toEqual({ version: 1, value: 1 });
    expect(lines).toHaveLength(1);
  });

  it('is never what a link leads to', async () => {
    await mkdir(directory, { recursive: true });
    const other = join(directory, 'other');
    await writeFile(other, '{"version": 1, "value": 66}');
    await symlink(other, file);
    const { stateFile, state: none } = await open();
    expect(none).toBeUndefined();
    await stateFile.save(state(1));
    expect(await readFile(other, 'utf8')).toBe('{"version": 1, "value": 66}');
    expect((await open()).state).toEqual({ version: 1, value: 1 });
  });

  it('that cannot be written is told of once, and again when it can', async () => {
    await writeFile(directory, 'in the way');
    const { stateFile } = await open();
    for (const value of [1, 2, 3]) await stateFile.save(state(value));
    expect(lines.map(([message]) => message)).toEqual(['the things cannot be kept']);
    await rm(directory);
    for (const value of [4, 5]) await stateFile.save(state(value));
    expect(lines.map(([message]) => message)).toEqual([
      'the things cannot be kept',
      'the things are kept again',
    ]);
    expect((await open()).state).toEqual({ version: 1, value: 5 });
  });

  it('removes what a program that was killed has left of it, and nothing else', async () => {
    await mkdir(directory, { recursive: true });
    for (const name of ['.thing.json.0123456789ab', '.other.json.0123456789ab', 'thing.json.bak'])
      await writeFile(join(directory, name), 'half');
    await open();
    expect((await readdir(directory)).sort()).toEqual(['.other.json.0123456789ab', 'thing.json.bak']);
  });
});
