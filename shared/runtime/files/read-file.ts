import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { fileErrorWords } from '../text/error-words.ts';

/** A text, or why there is none. */
export type TextRead =
  | { readonly text: string }
  | {
      readonly problem: string;
      /** That nothing stands there. */
      readonly isAbsent?: boolean;
      /** That it has more bytes than are read. */
      readonly isTooLarge?: boolean;
    };

/** Bytes, or why there are none, as of `TextRead`. */
export type BytesRead = { readonly bytes: Buffer } | Exclude<TextRead, { readonly text: string }>;

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
      if (!(await handle.stat()).isFile()) return { problem: `${file} is not a file` };
      const buffer = Buffer.alloc(maxBytes + 1);
      let length = 0;
      for (;;) {
        const { bytesRead } = await handle.read(buffer, length, buffer.length - length, null);
        length += bytesRead;
        if (bytesRead === 0 || length > maxBytes) break;
      }
      if (length > maxBytes) {
        return { problem: `${file} is larger than ${maxBytes} bytes`, isTooLarge: true };
      }
      return { bytes: buffer.subarray(0, length) };
    } finally {
      await handle.close();
    }
  } catch (error) {
    const isAbsent = (error as NodeJS.ErrnoException).code === 'ENOENT';
    return { problem: `cannot read ${file}: ${fileErrorWords(error)}`, isAbsent };
  }
}
