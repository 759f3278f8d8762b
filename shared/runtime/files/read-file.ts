import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { fileErrorWords } from '../text/error-words.ts';

/** A text, or why there is none. */
export type TextRead =
  | { readonly text: string }
  | {
      readonly problem: string;
      /** That nothing stands there. */
      readonly isAbsent?: boolean;
      /** That this user may not read it. */
      readonly isForbidden?: boolean;
      /** That it has more bytes than are read. */
      readonly isTooLarge?: boolean;
    };

/** Bytes, or why there are none, as of `TextRead`. */
export type BytesRead = { readonly bytes: Buffer } | Exclude<TextRead, { readonly text: string }>;

/** Read at first from a file that is shorter, or that does not know how long it is. */
const LEAST_BYTES = 4_096;

/** A file's text, or in words why it cannot be read; see `readBytesFile`. */
export async function readTextFile(file: string, maxBytes: number): Promise<TextRead> {
  const read = await readBytesFile(file, maxBytes);
  return 'bytes' in read ? { text: read.bytes.toString('utf8') } : read;
}

/**
 * A file's bytes, or in words why it cannot be read. Reads no more than `maxBytes`, so that a device or a huge file
 * named by mistake is refused.
 */
export async function readBytesFile(file: string, maxBytes: number): Promise<BytesRead> {
  try {
    // A pipe that stands there must not keep us waiting for somebody who writes.
    const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stats = await handle.stat();
      if (!stats.isFile()) return { problem: `${file} is not a file` };
      const bytes = await readUpTo(handle, stats.size, maxBytes);
      if (bytes === undefined) {
        return { problem: `${file} is larger than ${maxBytes} bytes`, isTooLarge: true };
      }
      return { bytes };
    } finally {
      await handle.close();
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const problem = `cannot read ${file}: ${fileErrorWords(error)}`;
    return { problem, isAbsent: code === 'ENOENT', isForbidden: code === 'EACCES' };
  }
}

/**
 * All bytes; undefined where there are more than `maxBytes`. Takes memory for what the file has, not for what it may have: files of a
 * hundred bytes that may have 32 MiB are read every few seconds. Files in /proc are longer than their size, which is 0.
 */
async function readUpTo(
  handle: FileHandle,
  expectedBytes: number,
  maxBytes: number,
): Promise<Buffer | undefined> {
  let buffer = Buffer.alloc(Math.min(Math.max(expectedBytes, LEAST_BYTES), maxBytes) + 1);
  let length = 0;
  for (;;) {
    const { bytesRead } = await handle.read(buffer, length, buffer.length - length, null);
    length += bytesRead;
    if (length > maxBytes) return undefined;
    if (bytesRead === 0) return buffer.subarray(0, length);
    if (length < buffer.length) continue;
    const larger = Buffer.alloc(Math.min(2 * length, maxBytes + 1));
    buffer.copy(larger);
    buffer = larger;
  }
}
