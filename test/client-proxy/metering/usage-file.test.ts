import { chown, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { UplinkUsage } from '../../../client-proxy/metering/usage.ts';
import {
  readUsageFile,
  USAGE_FILE_NAME,
  updateUsageFile,
} from '../../../client-proxy/metering/usage-file.ts';
import { temporaryDirectory } from '../../config/temporary-directory.ts';
import { asUser, IS_ROOT, NOBODY } from '../../support/as-user.ts';

const newFile = async () => join(await temporaryDirectory(), 'state', USAGE_FILE_NAME);

function usage(receivedBytes: number): UplinkUsage {
  const counts = { sentBytes: 1, receivedBytes, isWarned: false };
  return {
    day: { startMs: Date.UTC(2026, 10, 23), endMs: Date.UTC(2026, 10, 24), ...counts },
    month: { startMs: Date.UTC(2026, 10, 12), endMs: Date.UTC(2026, 11, 12), ...counts },
  };
}

describe('the usage file', () => {
  it('is made with its directory, for its owner alone, and read back', async () => {
    const file = await newFile();
    expect(await readUsageFile(file)).toEqual({ kind: 'absent' });
    expect(await updateUsageFile(file, Date.now(), () => new Map([['lte', usage(5)]]))).toBe(true);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readUsageFile(file)).toEqual({ kind: 'read', usage: new Map([['lte', usage(5)]]) });
    expect(JSON.parse(await readFile(file, 'utf8')).uplinks.lte.month).toEqual({
      from: '2026-11-12T00:00:00.000Z',
      until: '2026-12-12T00:00:00.000Z',
      sentBytes: 1,
      receivedBytes: 5,
      warned: false,
    });
  });

  it('gives what it holds to who changes it, and leaves nothing else behind', async () => {
    const file = await newFile();
    await updateUsageFile(file, Date.now(), () => new Map([['lte', usage(5)]]));
    await updateUsageFile(file, Date.now(), (stored) => new Map([...stored, ['sat', usage(7)]]));
    const read = await readUsageFile(file);
    expect(read.kind === 'read' && [...read.usage.keys()]).toEqual(['lte', 'sat']);
    expect(await readdir(join(file, '..'))).toEqual([USAGE_FILE_NAME]);
  });

  it('takes one program at a time; each learns what the other has written', async () => {
    const file = await newFile();
    const add = async () => {
      const more = (stored: ReadonlyMap<string, UplinkUsage>) =>
        new Map([['lte', usage((stored.get('lte')?.month.receivedBytes ?? 0) + 1)]]);
      while (!(await updateUsageFile(file, Date.now(), more)))
        await new Promise((resolve) => setTimeout(resolve, 1));
    };
    await Promise.all(Array.from({ length: 20 }, add));
    expect(await readUsageFile(file)).toMatchObject({ usage: new Map([['lte', usage(20)]]) });
  });

  it('is not kept from anybody by the lock of a program that died', async () => {
    const file = await newFile();
    await updateUsageFile(file, Date.now(), () => new Map());
    await writeFile(`${file}.lock`, '');
    expect(await updateUsageFile(file, Date.now(), () => new Map())).toBe(false);
    const longAgo = new Date(Date.now() - 60_000);
    await utimes(`${file}.lock`, longAgo, longAgo);
    expect(await updateUsageFile(file, Date.now(), () => new Map())).toBe(true);
  });

  it('loses nothing when several take the place of a program that died', async () => {
    const file = await newFile();
    let counted = 0;
    for (let round = 0; round < 20; round++) {
      await updateUsageFile(file, Date.now(), (stored) => new Map(stored));
      await writeFile(`${file}.lock`, '');
      const longAgo = new Date(Date.now() - 60_000);
      await utimes(`${file}.lock`, longAgo, longAgo);
      const more = (stored: ReadonlyMap<string, UplinkUsage>) =>
        new Map([['lte', usage((stored.get('lte')?.month.receivedBytes ?? 0) + 1)]]);
      const all = Array.from({ length: 8 }, () => updateUsageFile(file, Date.now(), more));
      counted += (await Promise.all(all)).filter((isSaved) => isSaved).length;
    }
    expect(counted).toBeGreaterThanOrEqual(20);
    expect(await readUsageFile(file)).toMatchObject({ usage: new Map([['lte', usage(counted)]]) });
    expect(await readdir(join(file, '..'))).toEqual([USAGE_FILE_NAME]);
  });

  const good = JSON.stringify({ version: 1, uplinks: {} });
  it.each([
    ['cut off', good.slice(0, -4)],
    ['empty', ''],
    ['of zeros', '\0'.repeat(400)],
    ['of another version', good.replace('1', '2')],
    ['with negative counts', good.replace('{}', '{"lte":{"day":{"sentBytes":-1}}}')],
    ['huge', ' '.repeat(300_000)],
  ])('that is %s is damaged, and kept aside', async (_, text) => {
    const file = await newFile();
    await updateUsageFile(file, Date.now(), () => new Map());
    await writeFile(file, text);
    expect(await readUsageFile(file)).toMatchObject({
      kind: 'damaged',
      problem: expect.stringContaining(file),
    });
    await updateUsageFile(file, Date.now(), () => new Map([['lte', usage(5)]]));
    expect(await readFile(`${file}.damaged`, 'utf8')).toBe(text);
    expect(await readUsageFile(file)).toMatchObject({ kind: 'read' });
  });

  it.skipIf(!IS_ROOT)("written by root for a service is the service's to read and to write", async () => {
    const file = join(await temporaryDirectory(), USAGE_FILE_NAME);
    await chown(join(file, '..'), NOBODY, NOBODY);
    await updateUsageFile(file, Date.now(), () => new Map([['lte', usage(5)]]));
    await asUser(NOBODY, () =>
      updateUsageFile(file, Date.now(), (stored) => new Map([...stored, ['sat', usage(7)]])),
    );
    const both = new Map([
      ['lte', usage(5)],
      ['sat', usage(7)],
    ]);
    expect(await readUsageFile(file)).toEqual({ kind: 'read', usage: both });
  });

  it.skipIf(!IS_ROOT)(
    'that may not be read is not damaged: it stays, and so does what it holds',
    async () => {
      const file = join(await temporaryDirectory(), USAGE_FILE_NAME);
      await updateUsageFile(file, Date.now(), () => new Map([['lte', usage(5)]]));
      await chown(join(file, '..'), NOBODY, NOBODY);
      await asUser(NOBODY, async () => {
        const problem = `cannot read ${file}: permission denied`;
        expect(await readUsageFile(file)).toEqual({ kind: 'forbidden', problem });
        await expect(updateUsageFile(file, Date.now(), () => new Map())).rejects.toThrow(problem);
      });
      expect(await readdir(join(file, '..'))).toEqual([USAGE_FILE_NAME]);
      expect(await readUsageFile(file)).toEqual({ kind: 'read', usage: new Map([['lte', usage(5)]]) });
    },
  );

  it('that cannot be written is an error that says why', async () => {
    const directory = await temporaryDirectory();
    await writeFile(join(directory, 'state'), 'not a directory');
    await expect(
      updateUsageFile(join(directory, 'state', USAGE_FILE_NAME), Date.now(), () => new Map()),
    ).rejects.toThrow();
  });
});
