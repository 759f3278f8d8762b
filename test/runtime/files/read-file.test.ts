import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { readBytesFile } from '../../../shared/runtime/files/read-file.ts';
import { temporaryDirectory } from '../../config/temporary-directory.ts';

const MAX_BYTES = 32 * 1024 * 1024;

let file: string;

beforeEach(async () => {
  file = join(await temporaryDirectory(), 'thing');
});

async function bytesOf(name: string, maxBytes = MAX_BYTES): Promise<Buffer> {
  const read = await readBytesFile(name, maxBytes);
  if ('problem' in read) throw new Error(read.problem);
  return read.bytes;
}

describe('reading a file', () => {
  it.each([0, 1, 4_095, 4_096, 4_097, 100_000])('has all %d bytes', async (length) => {
    const content = Buffer.alloc(length, 'all of it');
    await writeFile(file, content);
    expect((await bytesOf(file)).equals(content)).toBe(true);
  });

  it('takes memory for what the file has, not for what it may have', async () => {
    await writeFile(file, 'short');
    expect((await bytesOf(file)).buffer.byteLength).toBeLessThan(10_000);
  });

  it('has all of a file that does not know its size', async () => {
    const content = 'x'.repeat(30_000);
    const child = spawn('sleep', ['60'], { env: { ...process.env, CONTENT: content } });
    try {
      await once(child, 'spawn');
      expect((await bytesOf(`/proc/${child.pid}/environ`)).toString()).toContain(`CONTENT=${content}`);
      const tooLong = await readBytesFile(`/proc/${child.pid}/environ`, 20_000);
      expect(tooLong).toMatchObject({ isTooLarge: true });
    } finally {
      child.kill();
    }
  });

  it('refuses a file by one byte', async () => {
    await writeFile(file, Buffer.alloc(1_001));
    expect(await readBytesFile(file, 1_000)).toMatchObject({ isTooLarge: true });
    expect(await bytesOf(file, 1_001)).toHaveLength(1_001);
  });
});
