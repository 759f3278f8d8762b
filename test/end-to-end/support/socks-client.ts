import { once } from 'node:events';
import { connect, isIPv4, isIPv6, type Socket } from 'node:net';
import type { Destination } from '../../../shared/protocol/destination.ts';
import { loadNative } from '../../../shared/runtime/kernel/native.ts';
import { descriptorOf } from '../../../shared/runtime/kernel/socket-handle.ts';
import { takePendingError } from '../../../shared/runtime/kernel/socket-options.ts';

export interface SocksOptions {
  readonly login?: { readonly user: string; readonly password: string };
  /** Sent right behind the request, in the same write. */
  readonly earlyData?: Uint8Array;
  /** RFC 1928 section 4; CONNECT unless told. */
  readonly command?: number;
  /** Sends IPv4 and IPv6 addresses as they are; otherwise as a domain name, like `socks5h`. */
  readonly asName?: boolean;
  /** Where the connection comes from. */
  readonly localAddress?: string;
}

export interface SocksAnswer {
  /** RFC 1928 section 6; 0 is success. */
  readonly reply: number;
  /** Paused: what comes behind the reply waits in it. Half-open is allowed. */
  readonly socket: Socket;
}

/** Connects through a SOCKS5 proxy, byte by byte as RFC 1928 and RFC 1929 have it. */
export async function socksConnect(
  proxy: Destination | { readonly path: string },
  destination: Destination,
  { login, earlyData = new Uint8Array(), command = 1, asName = false, localAddress }: SocksOptions = {},
): Promise<SocksAnswer> {
  const from = localAddress === undefined ? {} : { localAddress };
  const socket = connect({ ...proxy, ...from, allowHalfOpen: true });
  // Whoever waits for the end sees 'close'; a reset before that is no news to this process.
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write(Buffer.of(5, 1, login ? 2 : 0));
  const method = await readBytes(socket, 2);
  if (method[1] === 0xff) throw new Error('the proxy accepts no method');
  if (login) {
    socket.write(Buffer.concat([Buffer.of(1), field(login.user), field(login.password)]));
    const status = await readBytes(socket, 2);
    if (status[1] !== 0) throw new Error('the proxy refuses user and password');
  }
  socket.write(Buffer.concat([Buffer.of(5, command, 0), addressOf(destination, asName), earlyData]));
  const [, reply, , type] = await readBytes(socket, 4);
  await readBytes(socket, (type === 4 ? 16 : 4) + 2);
  return { reply: reply!, socket };
}

/** Exactly so many bytes; rejects when the connection ends before. The socket is paused and stays so. */
export function readBytes(socket: Socket, length: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const finish = (how: () => void) => {
      socket.off('readable', onReadable);
      socket.off('close', onEnd);
      socket.off('end', onEnd);
      how();
    };
    const onEnd = () => finish(() => reject(new Error('the connection ended early')));
    const onReadable = () => {
      const bytes = socket.read(length) as Buffer | null;
      if (bytes !== null && bytes.length === length) finish(() => resolve(bytes));
    };
    socket.on('readable', onReadable);
    socket.once('close', onEnd);
    socket.once('end', onEnd);
    if (socket.destroyed || socket.readableEnded) onEnd();
    else onReadable();
  });
}

/** All bytes up to the end, and the code of the error where there was one instead of an end. The socket stays open. */
export function readAll(socket: Socket): Promise<{ bytes: Buffer; error: string | undefined }> {
  const chunks: Buffer[] = [];
  return new Promise((resolve) => {
    const finish = (error?: string) => resolve({ bytes: Buffer.concat(chunks), error });
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.once('end', () => finish(wasReset(socket) ? 'ECONNRESET' : undefined));
    socket.once('error', (error: NodeJS.ErrnoException) => finish(error.code));
    socket.once('close', () => finish('closed'));
    if (socket.readableEnded) finish(wasReset(socket) ? 'ECONNRESET' : undefined);
    else if (socket.destroyed) finish((socket.errored as NodeJS.ErrnoException | null)?.code ?? 'closed');
  });
}

/** A reset that comes together with the last bytes is an end to libuv; the kernel knows better. */
function wasReset(socket: Socket): boolean {
  const { native } = loadNative();
  const descriptor = descriptorOf(socket);
  if (native === undefined || descriptor === undefined) return false;
  return takePendingError(native, descriptor) === 'ECONNRESET';
}

function addressOf({ host, port }: Destination, asName: boolean): Buffer {
  const portBytes = Buffer.of(port >> 8, port & 255);
  if (!asName && isIPv4(host))
    return Buffer.concat([Buffer.of(1, ...host.split('.').map(Number)), portBytes]);
  if (!asName && isIPv6(host)) return Buffer.concat([Buffer.of(4), ipv6Bytes(host), portBytes]);
  return Buffer.concat([Buffer.of(3), field(host), portBytes]);
}

function ipv6Bytes(host: string): Buffer {
  const [head = '', tail] = host.split('::');
  const groups = (part: string) => part.split(':').filter((group) => group !== '');
  const after = tail === undefined ? [] : groups(tail);
  const zeros = Array(8 - groups(head).length - after.length).fill('0');
  return Buffer.from(
    [...groups(head), ...zeros, ...after].map((group) => group.padStart(4, '0')).join(''),
    'hex',
  );
}

function field(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.of(bytes.length), bytes]);
}
