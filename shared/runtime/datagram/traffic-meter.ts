import type { UplinkTraffic } from '../session/uplink-traffic.ts';
import type { PacketMeter } from './session-packets.ts';

/** Counts the packets of a path among what its uplink has carried. */
export function trafficMeter(traffic: UplinkTraffic): PacketMeter {
  return {
    onSent: (bytes) => {
      traffic.sentBytes += bytes;
    },
    onUnsent: (bytes) => {
      traffic.sentBytes -= bytes;
    },
    onReceived: (bytes) => {
      traffic.receivedBytes += bytes;
    },
  };
}
