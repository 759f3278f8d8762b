import { chmod, readdir, readFile, readlink, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  FileWriteError,
  fileExists,
  readableByOthers,
  writePrivateFile,
} from '../../../shared/runtime/files/private-file.ts';
import { temporaryDirectory } from '../../config/temporary-directory.ts';

const mode = async (file: string) => (await stat(file)).mode & 0o777;

describe('a private file', () => {
  it("is its owner's alone, as are the directories made for it", async () => {
    const directory = join(await temporaryDirectory(), 'a', 'b');
    const file = join(directory, 'key.pem');
    await writePrivateFile(file, 'secret', { overwrite: false });
    expect(await readFile(file, 'utf8')).toBe('secret');
    expect(await mode(file)).toBe(0o600);
    expect(await mode(directory)).toBe(0o700);
    expect(await readableByOthers(file)).toBe(false);
    expect(await readdir(directory)).toEqual(['key.pem']);
  });

  it('is not overwritten unless that is asked for', async () => {
    const file = join(await temporaryDirectory(), 'f');
    await writePrivateFile(file, 'old', { overwrite: false });
    await expect(writePrivateFile(file, 'new', { overwrite: false })).rejects.toThrow(
      `${file} exists already`,
    );
    expect(await readFile(file, 'utf8')).toBe('old');
    await writePrivateFile(file, 'new', { overwrite: true });
    expect(await readFile(file, 'utf8')).toBe('new');
  });

  it('loses the right of everybody to read when overwritten, and keeps that of its group', async () => {
    const file = join(await temporaryDirectory(), 'f');
    await writeFile(file, 'old');
    await chmod(file, 0o644);
    expect(await readableByOthers(file)).toBe(true);
    await writePrivateFile(file, 'new', { overwrite: true });
    expect(await mode(file)).toBe(0o640);
  });

  it('is written through a symbolic link', async () => {
    const directory = await temporaryDirectory();
    const [file, link] = [join(directory, 'f'), join(directory, 'link')];
    await writeFile(file, 'old');
    await symlink(file, link);
    await writePrivateFile(link, 'new', { overwrite: true });
    expect(await readlink(link)).toBe(file);
    expect(await readFile(file, 'utf8')).toBe('new');
  });

  it('says why it cannot be written', async () => {
    const directory = await temporaryDirectory();
    await writeFile(join(directory, 'f'), '');
    const error = await writePrivateFile(join(directory, 'f', 'g'), '', { overwrite: false }).catch(
      (thrown) => thrown,
    );
    expect(error).toBeInstanceOf(FileWriteError);
    expect(error.message).toMatch(/^cannot write .*\/f\/g: /);
    await expect(writePrivateFile(directory, '', { overwrite: true })).rejects.toThrow('it is a directory');
    expect(await readdir(directory)).toEqual(['f']);
    expect(await fileExists(join(directory, 'f', 'g'))).toBe(false);
  });
});
