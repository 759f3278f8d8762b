import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

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
    return { problem: `cannot read ${file}: ${reason(error)}`, isAbsent };
  }
}

const REASONS: Record<string, string> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'a part of the path is not a directory',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EISDIR: 'it is a directory',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left on the device',
  EEXIST: 'it exists already',
  EDQUOT: 'the quota of disk space is used up',
  EIO: 'the device fails (EIO)',
  EPIPE: 'nobody reads it any more',
  EMFILE: 'no file descriptors are left',
  ENFILE: 'no file descriptors are left on this machine',
  ELOOP: 'too many symbolic links, or one where none may be',
};

/** Why a file operation failed, in words for a person. */
export function reason(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  return (code && REASONS[code]) || code || String(error);
}
