import { isIP, type Socket } from 'node:net';
import { type Destination, formatDestination } from '../../protocol/destination.ts';
import type { CancelSignal } from '../cancellation.ts';
import type { NativeSockets } from './native.ts';
import { type SubflowTuning, tuneSubflow } from './subflow-tuning.ts';
import { TargetNames } from './target-names.ts';
import { type TimeLimit, withTimeLimit } from './time-limit.ts';
import type { Uplink } from './uplink.ts';
import { connectFromAddress } from './uplink-address.ts';
import { connectFailure } from './uplink-error.ts';
import { connectOverInterface } from './uplink-interface.ts';
import { connectThroughProxy } from './uplink-proxy.ts';
import type { ConnectionWatcher } from './wire-counter.ts';

export interface UplinkConnectOptions extends TimeLimit, SubflowTuning {
  /** Needed to bind to an interface; without it the kernel's figures and some socket options are missing too. */
  readonly native?: NativeSockets | undefined;
  /** Remembers what the target's name stood for, from one connection to the next. */
  readonly names?: TargetNames | undefined;
  /** Counts what the connection costs on the uplink, also when it fails. */
  readonly wire?: ConnectionWatcher | undefined;
}

/**
 * Opens a TCP connection to `target` (an IP address or a name) over this uplink and no other, with the socket
 * options of a subflow set. Rejects with `UplinkError`.
 */
export async function connectThroughUplink(
  uplink: Uplink,
  target: Destination,
  options: UplinkConnectOptions,
): Promise<Socket> {
  try {
    return await withTimeLimit(`connecting to ${formatDestination(target)}`, options, async (signal) => {
      const socket = await connectBound(uplink, target, signal, options);
      tuneSubflow(socket, options.native, options);
      return socket;
    });
  } catch (error) {
    throw connectFailure(uplink.name, formatDestination(target), error);
  }
}

async function connectBound(
  uplink: Uplink,
  target: Destination,
  signal: CancelSignal,
  { native, timeoutMs, names = new TargetNames(), wire }: UplinkConnectOptions,
): Promise<Socket> {
  const { name, binding } = uplink;
  if (binding.kind === 'proxy') return connectThroughProxy(name, binding, target, signal, timeoutMs, wire);
  if (binding.kind === 'address') {
    const family = isIP(binding.address) === 6 ? 6 : 4;
    return connectFromAddress(
      name,
      binding.address,
      await resolve(target, names, signal, family),
      signal,
      wire,
    );
  }
  return connectOverInterface(
    name,
    binding.interface,
    await resolve(target, names, signal),
    signal,
    native,
    wire,
  );
}

/** The target with an address in place of a name; of one family where the binding allows only that. */
async function resolve(
  { host, port }: Destination,
  names: TargetNames,
  signal: CancelSignal,
  family: 0 | 4 | 6 = 0,
): Promise<Destination> {
  return { host: isIP(host) === 0 ? await names.addressOf(host, family, signal) : host, port };
}
