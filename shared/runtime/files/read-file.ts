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
    };

/**
 * A file's text, or in words why it cannot be read. Reads no more than `maxBytes`, so that a device or a huge file
 * named by mistake is refused.
 */
export async function readTextFile(file: string, maxBytes: number): Promise<TextRead> {
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
      if (length > maxBytes) return { problem: `${file} is larger than ${maxBytes} bytes` };
      return { text: buffer.toString('utf8', 0, length) };
    } finally {
      await handle.close();
    }
  } catch (error) {
    const isAbsent = (error as NodeJS.ErrnoException).code === 'ENOENT';
    return { problem: `cannot read ${file}: ${fileErrorWords(error)}`, isAbsent };
  }
}
