import { createRequire } from 'node:module';
import type { Socket } from 'node:net';

type GetOption = (fd: number, level: number, name: number, value: Uint8Array, length: Uint8Array) => number;

// include/uapi/asm-generic/socket.h
const SOL_SOCKET = 1;
const SO_ERROR = 4;
const INT_BYTES = 4;

const getOption = load();

/**
 * The error that waits on a socket whose data has ended. libuv reports the end of the data, too, when a reset comes together with
 * the last data (`uv__stream_io`: POLLHUP after a partial read): what was cut off would look whole. Without koffi there is none.
 */
export function pendingError(socket: Socket): Error | undefined {
  // Node has no public way to the descriptor.
  const fd = (socket as Socket & { _handle?: { fd?: number } | null })._handle?.fd;
  if (!getOption || fd === undefined || fd < 0) return undefined;
  const value = new Int32Array(1);
  getOption(
    fd,
    SOL_SOCKET,
    SO_ERROR,
    new Uint8Array(value.buffer),
    new Uint8Array(Int32Array.of(INT_BYTES).buffer),
  );
  return value[0] === 0 ? undefined : new Error('the connection was reset');
}

function load(): GetOption | undefined {
  try {
    const koffi = createRequire(import.meta.url)('koffi') as {
      load(path: null): { func(definition: string): GetOption };
    };
    return koffi.load(null).func('int getsockopt(int fd, int level, int name, void *value, void *length)');
  } catch {
    return undefined;
  }
}
