import type { PacketTraffic } from '../datagram/packet-table.ts';
import type { PacketMeter } from '../datagram/session-packets.ts';
import type { UplinkTraffic } from './uplink-traffic.ts';

/** Counts the packets of a path among what its uplink has carried, and by themselves. */
export function trafficMeter(traffic: UplinkTraffic, packets: PacketTraffic): PacketMeter {
  return {
    onSent(bytes) {
      traffic.sentBytes += bytes;
      packets.sentBytes += bytes;
      packets.sentPackets++;
    },
    onUnsent(bytes) {
      traffic.sentBytes -= bytes;
      packets.sentBytes -= bytes;
      packets.sentPackets--;
    },
    onReceived(bytes) {
      traffic.receivedBytes += bytes;
      packets.receivedBytes += bytes;
      packets.receivedPackets++;
    },
  };
}
