import { fstatSync, write } from 'node:fs';
import { neverBlock } from '../kernel/socket-handle.ts';
import type { LogSink } from './log-output.ts';

/** The part of `process.stdout` that a log needs. */
export interface OutputStream {
  readonly fd?: number;
  readonly isTTY?: boolean;
  write(text: string, done?: (error?: Error | null) => void): unknown;
  on(event: 'error', listener: (error: NodeJS.ErrnoException) => void): unknown;
}

/**
 * A sink over standard output. Node.js writes to a pipe and a socket without waiting, but to a file and a terminal it waits: a slow disk
 * or a stopped terminal (Ctrl-S) would hold up every connection. Files are hence written by Node's thread pool, and terminals are told
 * not to block.
 */
export function standardOutputSink(stdout: OutputStream): LogSink {
  if (stdout.fd !== undefined && isFile(stdout.fd)) return new FileSink(stdout.fd);
  if (stdout.isTTY) neverBlock(stdout);
  return { write: (text, done) => void stdout.write(text, done) };
}

/** What Node.js would write to synchronously: files, and devices such as /dev/null. Never a terminal. */
function isFile(descriptor: number): boolean {
  try {
    const stat = fstatSync(descriptor);
    return stat.isFile() || (stat.isCharacterDevice() && stat.rdev >> 8 === MEMORY_DEVICES);
  } catch {
    return false;
  }
}

/** Major number of /dev/null, /dev/full and their like (Linux, Documentation/admin-guide/devices.txt). */
const MEMORY_DEVICES = 1;

/** Appends to a file; a line that the disk cut short is ended before the next one. */
class FileSink implements LogSink {
  readonly #descriptor: number;
  #isMidLine = false;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  write(text: string, done: (error?: Error | null) => void): void {
    this.#write(Buffer.from(this.#isMidLine ? `\n${text}` : text), done);
  }

  #write(bytes: Buffer, done: (error?: Error | null) => void): void {
    write(this.#descriptor, bytes, 0, bytes.length, null, (error, written) => {
      if (error) return done(error);
      const rest = bytes.subarray(written);
      this.#isMidLine = rest.length > 0;
      if (rest.length === 0) done();
      else this.#write(rest, done);
    });
  }
}
