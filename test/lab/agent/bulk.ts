import type { Socket } from 'node:net';
import { Arrivals, type Transfer } from './arrivals.ts';
import { openConnection } from './connection.ts';
import { type BulkJob, type Endpoint, type Route, tell } from './job.ts';
import { isPatternAt, patternAt } from './pattern.ts';

const WRITE_BYTES = 128 * 1024;

/** A running bulk download. */
export interface Download {
  readonly done: Promise<Transfer>;
  /** Ends it; with a reason it counts as failed. */
  stop(error?: string): void;
}

/** Downloads for `ms` after the first byte, or `bytes`, or, with neither, until it is stopped. */
export function download(
  route: Route,
  origin: Endpoint,
  key: number,
  { ms, bytes }: Pick<BulkJob, 'ms' | 'bytes'>,
): Download {
  const arrivals = new Arrivals();
  let isExact = true;
  let isStopped = false;
  let failure: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  let socket: Socket;
  const stop = (error?: string) => {
    isStopped = true;
    failure = error;
    socket.destroy();
  };
  const done = new Promise<Transfer>((resolve) => {
    socket = openConnection(route, origin, {
      onOpen: () => void socket.write(`get ${key} ${bytes ?? -1}\n`),
      onBytes(chunk) {
        isExact &&= isPatternAt(key + arrivals.bytes, chunk);
        const isFirst = arrivals.bytes === 0;
        arrivals.add(chunk.length);
        if (!isFirst) return;
        tell({ event: 'first-byte', atMs: arrivals.firstAtMs });
        if (ms !== undefined) timer = setTimeout(() => stop(), ms);
      },
      onClose(error) {
        clearTimeout(timer);
        const record = arrivals.end();
        if (bytes !== undefined) isExact &&= record.bytes === bytes;
        const isWhole = isStopped || (bytes !== undefined && record.bytes === bytes);
        failure ??= isWhole ? undefined : (error?.message ?? 'ended early');
        resolve({ ...record, isExact, ...(failure === undefined ? {} : { error: failure }) });
      },
    });
  });
  return { done, stop };
}

/** Uploads until the origin has had enough, or `bytes`; answers the error that ended it before anything was taken. */
export function upload(
  route: Route,
  origin: Endpoint,
  key: number,
  { ms, bytes }: Pick<BulkJob, 'ms' | 'bytes'>,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    let sent = 0;
    const socket = openConnection(route, origin, {
      onOpen() {
        socket.write(`put ${key} ${ms ?? -1}\n`);
        socket.on('drain', more);
        more();
      },
      onBytes() {},
      // A reset is how the origin says that it has had enough.
      onClose: (error) => resolve(sent === 0 ? error?.message : undefined),
    });
    function more(): void {
      while (bytes === undefined || sent < bytes) {
        const chunk = patternAt(key + sent, Math.min(WRITE_BYTES, (bytes ?? Infinity) - sent));
        sent += chunk.length;
        if (!socket.write(chunk)) return;
      }
      socket.off('drain', more);
      socket.end();
    }
  });
}
