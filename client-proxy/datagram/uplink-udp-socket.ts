import { isIP } from 'node:net';
import { NativeSocketError, type NativeSockets } from '../../shared/runtime/kernel/native.ts';
import type { SocketAddress } from '../../shared/runtime/kernel/socket-address.ts';
import type { UdpHandlers, UdpSocket } from '../../shared/runtime/udp/udp-socket.ts';
import type { UdpSockets } from '../../shared/runtime/udp/udp-sockets.ts';
import type { Uplink } from '../uplink/uplink.ts';
import { sourceFailure } from '../uplink/uplink-address.ts';
import type { AttachmentFinder } from '../uplink/uplink-device.ts';
import { UplinkError } from '../uplink/uplink-error.ts';

export interface UplinkUdpOptions {
  readonly sockets: UdpSockets;
  /** Needed to bind to an interface. */
  readonly native: NativeSockets | undefined;
  readonly attachment: AttachmentFinder;
  readonly handlers: UdpHandlers;
  readonly family: 4 | 6;
  /** It hears and reaches this address alone. */
  readonly peer?: SocketAddress;
  /** An address of this machine that leads over the uplink; absent: what the uplink is bound to. */
  readonly source?: string;
  readonly isNeverCut?: boolean;
  readonly bufferBytes?: number;
}

/** Opens a UDP socket whose packets leave over this uplink and no other, bound as its subflows are. Rejects with UplinkError. */
export async function openUplinkUdp(uplink: Uplink, options: UplinkUdpOptions): Promise<UdpSocket> {
  const { sockets, family, source, native } = options;
  if (uplink.binding.kind === 'proxy') {
    throw new UplinkError(uplink.name, 'networkFailure', 'UDP does not go through a proxy');
  }
  const attached = options.attachment(uplink.binding, options.peer?.host ?? UNSPECIFIED[family]);
  const host = source ?? attached.address;
  if (host !== undefined && isIP(host) !== family) {
    throw new UplinkError(
      uplink.name,
      'networkFailure',
      `bound to ${host}, which is of the other address family`,
    );
  }
  if (attached.interface !== undefined && native === undefined) {
    const advice = `binding to interface ${attached.interface} needs Linux and the optional dependency koffi`;
    throw new UplinkError(uplink.name, 'networkFailure', advice);
  }
  const open = (device: string | undefined) => sockets.open({ ...options, host, interface: device });
  try {
    return await open(attached.interface);
  } catch (error) {
    // Linux before 5.7 may not allow it: for an uplink that is bound to its address the routing table has to do.
    const isRefused = error instanceof NativeSocketError && error.code === 'EPERM';
    if (isRefused && uplink.binding.kind === 'address') return open(undefined);
    throw failure(uplink, host, error as NodeJS.ErrnoException);
  }
}

/** Of each family an address that says nothing else. */
const UNSPECIFIED = { 4: '0.0.0.0', 6: '::' } as const;

function failure(uplink: Uplink, host: string | undefined, error: NodeJS.ErrnoException): UplinkError {
  const { code = 'EIO' } = error;
  const ofBind = Object.assign(new Error(code, { cause: error }), { code, syscall: 'bind' });
  const ofSource = host === undefined ? undefined : sourceFailure(uplink.name, host, ofBind);
  return (
    ofSource ?? new UplinkError(uplink.name, 'networkFailure', `no UDP socket: ${code}`, { cause: error })
  );
}
