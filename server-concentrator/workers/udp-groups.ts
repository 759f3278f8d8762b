import { isIPv4 } from 'node:net';
import type { NativeSockets } from '../../shared/runtime/kernel/native.ts';
import {
  keepToIpv6,
  neverCut,
  setSocketBuffers,
  sharePort,
} from '../../shared/runtime/kernel/socket-options.ts';
import { spreadByFirstByte } from '../../shared/runtime/kernel/spread-datagrams.ts';
import { BUFFER_BYTES } from '../datagram/datagram-port.ts';
import { CANNOT_SPREAD } from '../datagram/open-datagram-port.ts';

/** A UDP socket of a worker that the first process has bound, and keeps: so workers that end and come do not change places. */
export interface GivenSocket {
  readonly host: string;
  readonly descriptor: number;
}

/**
 * Binds sockets to one UDP port of each address, one for each worker; the kernel gives each packet to the worker that the first byte of its
 * connection id tells.
 * @param own addresses that get sockets where they can
 * @returns by worker. Rejects with the system's error where one of `hosts` cannot be had
 */
export function openUdpGroups(
  native: NativeSockets,
  {
    hosts,
    own,
    port,
    count,
  }: { hosts: readonly string[]; own: readonly string[]; port: number; count: number },
): readonly (readonly GivenSocket[])[] {
  const groups: GivenSocket[][] = [];
  for (const host of new Set([...hosts, ...own])) {
    try {
      groups.push(openGroup(native, host, port, count));
    } catch (error) {
      if (!hosts.includes(host)) continue;
      for (const { descriptor } of groups.flat()) native.close(descriptor);
      throw error;
    }
  }
  return Array.from({ length: count }, (_, worker) => groups.map((group) => group[worker]!));
}

function openGroup(native: NativeSockets, host: string, port: number, count: number): GivenSocket[] {
  const family = isIPv4(host) ? 4 : 6;
  const opened: GivenSocket[] = [];
  try {
    for (let i = 0; i < count; i++) {
      const descriptor = native.openUdp(family);
      opened.push({ host, descriptor });
      if (family === 6) keepToIpv6(native, descriptor);
      sharePort(native, descriptor);
      neverCut(native, descriptor, family);
      setSocketBuffers(native, descriptor, BUFFER_BYTES);
      native.bind(descriptor, host, port);
      if (i === 0 && !spreadByFirstByte(native, descriptor, count))
        throw Object.assign(new Error('the kernel does not spread datagrams'), { code: CANNOT_SPREAD });
    }
    return opened;
  } catch (error) {
    for (const { descriptor } of opened) native.close(descriptor);
    throw error;
  }
}
