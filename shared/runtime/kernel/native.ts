import { createRequire } from 'node:module';
import { endianness, platform } from 'node:os';
import { getSystemErrorName } from 'node:util';
import { errorWords } from '../text/error-words.ts';
import { bindGcmCalls, type GcmCalls } from './gcm-calls.ts';
import { AF_INET, AF_INET6, socketAddress } from './socket-address.ts';

/** The few libc calls that Node does not offer. Each throws `NativeSocketError` if the kernel refuses. */
export interface NativeSockets {
  /** A new TCP socket, non-blocking and close-on-exec; the caller owns the descriptor. */
  openTcp(family: 4 | 6): number;
  /** The same for UDP. */
  openUdp(family: 4 | 6): number;
  /** Binds to an IP address of this machine, with a port of the kernel's choice unless one is named. */
  bind(descriptor: number, address: string, port?: number): void;
  /** Gives a UDP socket its peer: it hears and reaches that address alone. @param address `struct sockaddr` */
  connect(descriptor: number, address: Uint8Array): void;
  setOption(descriptor: number, level: number, name: number, value: Uint8Array): void;
  /** Fills `into` from its start. Returns how many bytes the kernel wrote. */
  getOption(descriptor: number, level: number, name: number, into: Uint8Array): number;
  /**
   * Takes the next error from a UDP socket's error queue (recvmsg(2), MSG_ERRQUEUE): into `name` where the datagram was sent, into
   * `control` what happened. Returns false where there is none.
   */
  takeError(descriptor: number, name: Uint8Array, control: Uint8Array): boolean;
  /**
   * Takes the next datagram from a UDP socket (recvmsg(2)), without waiting: into `name` where it comes from, into `control` what the
   * kernel tells of it. Returns its length; undefined where there is none, or the socket has an error.
   */
  takeDatagram(
    descriptor: number,
    payload: Uint8Array,
    name: Uint8Array,
    control: Uint8Array,
  ): number | undefined;
  /** Resolves when something can be read from one of these sockets, or after the time. It takes a thread of Node.js's pool meanwhile. */
  waitReadable(descriptors: readonly number[], timeoutMs: number): Promise<void>;
  close(descriptor: number): void;
  /** Absent where `struct mmsghdr` is laid out otherwise than on 64-bit machines with the low byte first. */
  readonly messages?: MessageCalls;
  /** AES-GCM of the OpenSSL that Node.js brings; absent where it does not show it. */
  readonly gcm?: GcmCalls;
}

/** Many datagrams a system call. These do not throw: an error belongs to one datagram, and there may be thousands in a second. */
export interface MessageCalls {
  /** Where in memory a buffer is. It stays there as long as its ArrayBuffer lives. */
  addressOf(bytes: Uint8Array): number;
  /** sendmmsg(2), without waiting. @param headers `struct mmsghdr`s @returns how many were sent, or the first one's errno, negative */
  send(descriptor: number, headers: Uint8Array, count: number): number;
  /** recvmmsg(2), without waiting. @returns how many have come, or the errno, negative */
  receive(descriptor: number, headers: Uint8Array, count: number): number;
}

/** The calls, or why there are none. Everything works without them, but with fewer figures. */
export type NativeLoad =
  | { readonly native: NativeSockets; readonly reason?: undefined }
  | { readonly native?: undefined; readonly reason: string };

/** A socket call failed in the kernel; `code` is the errno's name (`EPERM`, `ENODEV`). */
export class NativeSocketError extends Error {
  readonly code: string;

  constructor(call: string, errno: number) {
    const code = getSystemErrorName(-errno);
    super(`${call} failed: ${code}`);
    this.name = 'NativeSocketError';
    this.code = code;
  }
}

/**
 * Loads the optional dependency `koffi` and binds the calls through it. Linux only.
 * `source` replaces the module loader and the platform in tests.
 */
export function loadNative(
  source: { readonly platform: string; load(): unknown } = { platform: platform(), load: loadKoffi },
): NativeLoad {
  if (source.platform !== 'linux') {
    return { reason: `interface binding and TCP_INFO exist on Linux only, this is ${source.platform}` };
  }
  try {
    return { native: bindCalls(source.load() as Koffi) };
  } catch (error) {
    return { reason: `the optional dependency koffi cannot be loaded: ${errorWords(error)}` };
  }
}

interface CFunction {
  (...args: unknown[]): number;
  async(...args: [...unknown[], (error: Error | null, result: number) => void]): void;
}
/** A type of koffi's. */
type CType = string | object;

/** The part of koffi that is used. */
interface Koffi {
  load(path: null): {
    func(definition: string): CFunction;
    func(name: string, result: CType, parameters: readonly CType[]): CFunction;
  };
  struct(members: Readonly<Record<string, CType>>): CType;
  pointer(to: CType): CType;
  errno(): number;
  address(bytes: Uint8Array): bigint;
  sizeof(type: string): number;
}

// The same on every architecture that Node ships for Linux (x86, ARM, RISC-V, POWER, s390x, LoongArch).
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const MSG_ERRQUEUE = 0x2000;
const POLLIN = 0x1;
/** `struct pollfd`: the descriptor, and in two halves what is waited for and what has come. */
const POLL_WORDS = 2;

function loadKoffi(): unknown {
  return createRequire(import.meta.url)('koffi');
}

function bindCalls(koffi: Koffi): NativeSockets {
  // The process itself has libc loaded, whichever it is (glibc, musl).
  const libc = koffi.load(null);
  const socket = libc.func('int socket(int domain, int type, int protocol)');
  // `void *` takes a typed array as it is: the kernel reads and writes the JavaScript memory, nothing is copied.
  const setsockopt = libc.func(
    'int setsockopt(int fd, int level, int name, const void *value, uint32_t length)',
  );
  const getsockopt = libc.func('int getsockopt(int fd, int level, int name, void *value, void *length)');
  const bind = libc.func('int bind(int fd, const void *address, uint32_t length)');
  const connect = libc.func('int connect(int fd, const void *address, uint32_t length)');
  const close = libc.func('int close(int fd)');

  const length = new Uint32Array(1);
  const check = (call: string, result: number): number => {
    if (result < 0) throw new NativeSocketError(call, koffi.errno());
    return result;
  };
  const open = (family: 4 | 6, type: number) =>
    check('socket', socket(family === 6 ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const messages = bindMessageCalls(koffi, libc);
  const gcm = bindGcmCalls((definition) => libc.func(definition));
  return {
    openTcp: (family) => open(family, SOCK_STREAM),
    openUdp: (family) => open(family, SOCK_DGRAM),
    bind: (descriptor, address, port = 0) => {
      const { bytes } = socketAddress(address, port)!;
      check('bind', bind(descriptor, bytes, bytes.length));
    },
    connect: (descriptor, address) => {
      check('connect', connect(descriptor, address, address.length));
    },
    setOption: (descriptor, level, name, value) => {
      check('setsockopt', setsockopt(descriptor, level, name, value, value.length));
    },
    getOption: (descriptor, level, name, into) => {
      length[0] = into.length;
      check('getsockopt', getsockopt(descriptor, level, name, into, length));
      return length[0];
    },
    ...bindMessages(koffi, libc),
    waitReadable: bindWait(libc),
    close: (descriptor) => {
      check('close', close(descriptor));
    },
    ...(messages === undefined ? {} : { messages }),
    ...(gcm === undefined ? {} : { gcm }),
  };
}

function bindMessageCalls(koffi: Koffi, libc: ReturnType<Koffi['load']>): MessageCalls | undefined {
  if (koffi.sizeof('void *') !== 8 || endianness() !== 'LE') return undefined;
  const sendmmsg = libc.func('int sendmmsg(int fd, void *headers, uint32_t count, int flags)');
  const recvmmsg = libc.func('int recvmmsg(int fd, void *headers, uint32_t count, int flags, void *timeout)');
  const orErrno = (result: number) => (result < 0 ? -koffi.errno() : result);
  return {
    addressOf: (bytes) => Number(koffi.address(bytes)),
    send: (descriptor, headers, count) => orErrno(sendmmsg(descriptor, headers, count, MSG_DONTWAIT)),
    receive: (descriptor, headers, count) =>
      orErrno(recvmmsg(descriptor, headers, count, MSG_DONTWAIT, null)),
  };
}

function bindMessages(
  koffi: Koffi,
  libc: ReturnType<Koffi['load']>,
): Pick<NativeSockets, 'takeError' | 'takeDatagram'> {
  const vector = koffi.struct({ base: 'void *', length: 'size_t' });
  const header = koffi.struct({
    name: 'void *',
    nameLength: 'uint32_t',
    vectors: koffi.pointer(vector),
    vectorCount: 'size_t',
    control: 'void *',
    controlLength: 'size_t',
    flags: 'int',
  });
  const recvmsg = libc.func('recvmsg', 'intptr_t', ['int', koffi.pointer(header), 'int']);
  const receive = (
    descriptor: number,
    payload: Uint8Array,
    name: Uint8Array,
    control: Uint8Array,
    flags: number,
  ) => {
    const vectors = [{ base: payload, length: payload.length }];
    const message = { name, nameLength: name.length, vectors, vectorCount: 1 };
    const extra = { control, controlLength: control.length, flags: 0 };
    return recvmsg(descriptor, { ...message, ...extra }, flags | MSG_DONTWAIT);
  };
  // Of a datagram that has failed nothing else is wanted.
  const nothing = new Uint8Array(1);
  return {
    takeError: (descriptor, name, control) => receive(descriptor, nothing, name, control, MSG_ERRQUEUE) >= 0,
    takeDatagram(descriptor, payload, name, control) {
      const length = receive(descriptor, payload, name, control, 0);
      return length < 0 ? undefined : length;
    },
  };
}

function bindWait(libc: ReturnType<Koffi['load']>): NativeSockets['waitReadable'] {
  const poll = libc.func('int poll(void *entries, unsigned long count, int timeout)');
  /** What the kernel writes into while it waits. */
  const underWay = new Set<Int32Array>();
  return (descriptors, timeoutMs) => {
    const entries = new Int32Array(descriptors.length * POLL_WORDS);
    const events = new Int16Array(entries.buffer);
    for (const [index, descriptor] of descriptors.entries()) {
      entries[index * POLL_WORDS] = descriptor;
      events[index * POLL_WORDS * 2 + 2] = POLLIN;
    }
    underWay.add(entries);
    return new Promise((resolve) => {
      poll.async(entries, descriptors.length, timeoutMs, () => {
        underWay.delete(entries);
        resolve();
      });
    });
  };
}
