import type { ClientConfig, ConfiguredUplink } from '../../../client-proxy/config/client-config.ts';
import type { DoctorOptions, UplinkCase } from '../../../client-proxy/doctor/case/uplink-check.ts';
import { nothingFound } from '../../../client-proxy/doctor/case/uplink-check.ts';
import { UPLINK_CHECKS } from '../../../client-proxy/doctor/uplink-checks.ts';
import type { Measuring } from '../../../client-proxy/measurement/open-measurement.ts';
import type { NetworkView } from '../../../client-proxy/network/network-view.ts';
import type { Destination } from '../../../shared/protocol/destination.ts';

export const ADDRESS: Destination = { host: '192.0.2.1', port: 8443 };
const OPTIONS: DoctorOptions = { metered: false, speedBytes: 1_000_000, natTimeout: false };
export const UPLINK: ConfiguredUplink = {
  name: 'wifi',
  binding: { kind: 'interface', interface: 'wlan0' },
  backup: false,
};
const VIEW: NetworkView = {
  interfaces: [
    {
      name: 'wlan0',
      index: 2,
      kind: 'hardware',
      isUp: true,
      hasCarrier: true,
      addresses: ['192.168.1.5'],
      routes: [4],
    },
  ],
};

/** A case in which all is well so far; nothing of it touches a network. */
export function doctorCase(
  over: Partial<UplinkCase> = {},
  addresses: readonly Destination[] = [ADDRESS],
): UplinkCase {
  return {
    uplink: UPLINK,
    config: {
      file: 'client.yaml',
      concentrator: { addresses, pins: [] },
      client: { id: 'laptop', key: new Uint8Array(32) },
      datagrams: true,
      uplinks: [over.uplink ?? UPLINK],
      dial: { timeoutMs: 5_000, backoffMinMs: 1, backoffMaxMs: 1 },
    } as Partial<ClientConfig> as ClientConfig,
    options: OPTIONS,
    view: VIEW,
    diagnose: async () => [],
    prober: {
      connect: async () => 3,
      secure: async () => 9,
      measure: async () => ({ connection: measuring(), terms: { allowanceBytes: 1e9, facts: '{}' } }),
      udp: async () => ({ kind: 'passes', rttMs: 12.34, port: 8443 }),
      carried: () => ({ sentBytes: 1_000_000, receivedBytes: 2_000_000 }),
    },
    names: {
      serversOf: async () => ({ servers: [], areOfSystem: true }),
      ask: async () => [],
      askSystem: async () => ({ addresses: [], isListed: false }),
      reachable: async (_uplink, address) => [address],
    },
    known: new Map(),
    clock: () => 0,
    wallClock: () => 0,
    usageFile: '/nonexistent/metered-usage.json',
    found: {
      ...nothingFound(),
      addresses,
      reached: addresses,
      secured: addresses,
      allowanceBytes: 1e9,
    },
    ...over,
  };
}

/** Runs one check, by its name. */
export function run(name: string, it: UplinkCase) {
  return UPLINK_CHECKS.find((check) => check.name === name)!.run(it);
}

/** A connection that brings everything at 80 Mbit/s, in 10 ms. */
export function measuring(over: Partial<Measuring> = {}): Measuring {
  const transfer = async (bytes: number) => ({ samples: samplesOf(bytes, 0.1), isComplete: true });
  return { ping: async () => 10, send: transfer, receive: transfer, keepSilent() {}, close() {}, ...over };
}

/** As many bytes, over this time per KB. */
export function samplesOf(bytes: number, msPerKilobyte: number) {
  return [0, 0.25, 0.5, 0.75, 1].map((part) => ({
    atMs: (part * bytes * msPerKilobyte) / 1_000,
    bytes: part * bytes,
  }));
}
