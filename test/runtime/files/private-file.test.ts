import { chmod, chown, mkdir, readdir, readFile, readlink, stat, symlink, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  FileWriteError,
  fileExists,
  readableByOthers,
  removeFile,
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

  it('keeps all rights where that is asked for', async () => {
    const file = join(await temporaryDirectory(), 'f');
    await writeFile(file, 'old');
    for (const rights of [0o644, 0o660, 0o600, 0o400]) {
      await chmod(file, rights);
      await writePrivateFile(file, 'new', { overwrite: true, rights: 'kept' });
      expect(await mode(file)).toBe(rights);
    }
  });

  it.skipIf(userInfo().uid !== 0)(
    'stays the file of its owner and group where that is asked for',
    async () => {
      const directory = await temporaryDirectory();
      const file = join(directory, 'f');
      for (const [owner, rights] of [
        [directory, 0o644],
        [file, 0o600],
        [file, 0o640],
      ] as const) {
        await writeFile(file, 'old');
        await chown(owner, 12_345, 23_456);
        await chmod(file, rights);
        const before = await stat(file);
        await writePrivateFile(file, 'new', { overwrite: true, rights: 'kept' });
        const { uid, gid, mode: after } = await stat(file);
        expect([uid, gid, after]).toEqual([before.uid, before.gid, before.mode]);
        await chown(directory, 0, 0);
      }
    },
  );

  it.skipIf(userInfo().uid !== 0).each([{}, { rights: 'kept' }, { like: 'absent' }] as const)(
    'is that of the owner of its directory where root writes it anew (%o)',
    async (options) => {
      const directory = await temporaryDirectory();
      const file = join(directory, 'f');
      await chown(directory, 12_345, 23_456);
      await writePrivateFile(file, 'x', { overwrite: true, ...options });
      const { uid, gid } = await stat(file);
      expect([uid, gid, await mode(file)]).toEqual([12_345, 23_456, 0o600]);
    },
  );

  it('is written through a symbolic link', async () => {
    const directory = await temporaryDirectory();
    const [file, link] = [join(directory, 'f'), join(directory, 'link')];
    await writeFile(file, 'old');
    await symlink(file, link);
    await writePrivateFile(link, 'new', { overwrite: true });
    expect(await readlink(link)).toBe(file);
    expect(await readFile(file, 'utf8')).toBe('new');
  });

  it('is written through links of every kind, where nobody else can make them', async () => {
    const directory = await temporaryDirectory();
    await mkdir(join(directory, 'real'));
    await symlink('real', join(directory, 'relative'));
    await symlink(join(directory, 'real'), join(directory, 'absolute'));
    await symlink('../relative/f', join(directory, 'real', 'twice'));
    for (const path of ['relative/f', 'absolute/f', 'absolute/twice', 'real/../relative/twice']) {
      await writePrivateFile(join(directory, path), path, { overwrite: true });
      expect(await readFile(join(directory, 'real', 'f'), 'utf8')).toBe(path);
    }
    expect((await readdir(join(directory, 'real'))).sort()).toEqual(['f', 'twice']);
    await symlink('loop', join(directory, 'loop'));
    await expect(writePrivateFile(join(directory, 'loop', 'f'), '', { overwrite: true })).rejects.toThrow(
      'too many symbolic links',
    );
  });

  it('gets the rights of another one that it is to be like', async () => {
    const directory = await temporaryDirectory();
    const [model, file] = [join(directory, 'model'), join(directory, 'f')];
    await writeFile(model, '');
    await chmod(model, 0o640);
    await writePrivateFile(file, 'x', { overwrite: false, like: 'model' });
    expect(await mode(file)).toBe(0o640);
    await symlink(model, join(directory, 'link'));
    for (const [name, like] of [
      ['g', 'absent'],
      ['h', 'link'],
    ] as const) {
      await writePrivateFile(join(directory, name), 'x', { overwrite: false, like });
      expect(await mode(join(directory, name))).toBe(0o600);
    }
  });

  it('is removed, if it is there', async () => {
    const file = join(await temporaryDirectory(), 'f');
    await writeFile(file, '');
    for (let i = 0; i < 2; i++) await removeFile(file);
    expect(await fileExists(file)).toBe(false);
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
