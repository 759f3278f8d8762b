import { open } from 'node:fs/promises';

/**
 * A file's text, or in words why it cannot be read. Reads no more than `maxBytes`, so that a device or a huge file
 * named by mistake is refused.
 */
export async function readTextFile(
  file: string,
  maxBytes: number,
): Promise<{ readonly text: string } | { readonly problem: string }> {
  try {
    const handle = await open(file, 'r');
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
    return { problem: `cannot read ${file}: ${reason(error)}` };
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
};

/** Why a file operation failed, in words for a person. */
export function reason(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  return (code && REASONS[code]) || code || String(error);
}
