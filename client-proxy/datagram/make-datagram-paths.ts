import type { PacketTable } from '../../shared/runtime/datagram/packet-table.ts';
import { LineLimit } from '../../shared/runtime/observe/line-limit.ts';
import type { ProcessWatch } from '../../shared/runtime/observe/process-watch.ts';
import type { ProgramDeps } from '../../shared/runtime/process/process-deps.ts';
import type { UdpSockets } from '../../shared/runtime/udp/udp-sockets.ts';
import type { UplinkSet } from '../discovery/uplink-set.ts';
import type { WireTable } from '../metering/wire-table.ts';
import type { DatagramPathsOptions } from './datagram-paths.ts';

/** How the UDP paths of this program's sessions are made. */
export function makeDatagramPaths(
  { clock, random, logger, native: { native } }: Pick<ProgramDeps, 'clock' | 'random' | 'logger' | 'native'>,
  parts: {
    readonly sockets: UdpSockets;
    readonly wires: WireTable;
    readonly packetTable: PacketTable;
    readonly uplinks: UplinkSet;
    readonly watch: Pick<ProcessWatch, 'hasDescriptor'>;
  },
): DatagramPathsOptions {
  const { sockets, wires, packetTable, uplinks, watch } = parts;
  return {
    sockets,
    native,
    attachment: (binding, host) => uplinks.attachment(binding, host),
    packetTable,
    wireOf: (uplinkName) => wires.of(uplinkName),
    hasDescriptor: () => watch.hasDescriptor('subflow'),
    clock,
    random,
    logger: new LineLimit(clock).over(logger),
  };
}
