import type { NativeSockets } from './native.ts';

const SOL_SOCKET = 1;
const SO_ATTACH_REUSEPORT_CBPF = 51;
/** Of `linux/bpf_common.h`: load a byte of the payload, take the remainder, return the accumulator. */
const LOAD_BYTE = 0x30;
const REMAINDER = 0x94;
const RETURN = 0x16;
const INSTRUCTION_BYTES = 8;

/**
 * Of UDP sockets that share a port, the kernel gives each datagram to the one whose place, in the order in which they were bound, is the
 * first byte of the payload modulo `count` (SO_ATTACH_REUSEPORT_CBPF, socket(7)). To be called for one of them, once it is bound; a socket that
 * closes would change the places of others. Needs no privilege.
 * @returns false where it cannot be had
 */
export function spreadByFirstByte(native: NativeSockets, descriptor: number, count: number): boolean {
  const { messages } = native;
  if (messages === undefined) return false;
  const program = Buffer.alloc(3 * INSTRUCTION_BYTES);
  for (const [index, [code, operand]] of [
    [LOAD_BYTE, 0],
    [REMAINDER, count],
    [RETURN, 0],
  ].entries()) {
    program.writeUInt16LE(code!, index * INSTRUCTION_BYTES);
    program.writeUInt32LE(operand!, index * INSTRUCTION_BYTES + 4);
  }
  // struct sock_fprog: the number of instructions, and where they are.
  const place = Buffer.alloc(16);
  place.writeUInt16LE(program.length / INSTRUCTION_BYTES, 0);
  place.writeBigUInt64LE(BigInt(messages.addressOf(program)), 8);
  try {
    native.setOption(descriptor, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, place);
    return true;
  } catch {
    return false;
  }
}
