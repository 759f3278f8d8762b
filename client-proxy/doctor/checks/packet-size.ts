import { isIP } from 'node:net';
import type { Destination } from '../../../shared/protocol/destination.ts';
import { type Finding, failed, ok, skipped, warning } from '../../../shared/runtime/doctor/finding.ts';
import { deviceWord } from '../../network/remedy-commands.ts';
import type { Exchange } from '../measurement/measurement-connection.ts';
import { interfaceOf } from '../own-interface.ts';
import type { UplinkCase, UplinkCheck } from '../uplink-check.ts';
import type { Measuring } from '../uplink-prober.ts';
import { OLDER } from '../words.ts';

/** Several packets of full size. */
const BURST_BYTES = 12_000;
/** A lost packet is there again within this time, on a radio link too. */
const PATIENCE_MS = 2_000;
/** Sizes of IP packets that are tried where full ones vanish: what tunnels, PPPoE, mobile networks and IPv6 leave. */
const SIZES = [1_492, 1_452, 1_400, 1_360, 1_300, 1_240, 1_100, 576] as const;
/** TLS record, frame header, and the headers of TCP with timestamps. */
const OVERHEAD_BYTES = 22 + 24 + 32;
const IP_HEADER_BYTES = { 4: 20, 6: 40 } as const;

type Direction = 'up' | 'down';

/** Whether packets of full size pass, in both directions, to each address: some networks drop them without a word. */
export const packetSizeCheck: UplinkCheck = {
  name: 'packet-size',
  needs: ['tcp', 'tls-and-pin', 'authentication'],
  async run(it) {
    const { found } = it;
    if (!found.canMeasure) return skipped(OLDER);
    const results = await Promise.all(
      oneOfEachFamily(found.secured).map((address) => tryAddress(it, address)),
    );
    const holes = results.flat();
    return holes.length === 0 ? ok('packets of full size pass in both directions') : judge(it, holes);
  },
};

interface Hole {
  readonly family: 4 | 6;
  readonly direction: Direction;
  /** The largest packet that passed; undefined where none did. */
  readonly passes: number | undefined;
}

async function tryAddress(it: UplinkCase, address: Destination): Promise<readonly Hole[]> {
  const holes = await Promise.all(
    (['up', 'down'] as const).map(async (direction): Promise<readonly Hole[]> => {
      if (await passes(it, address, direction, BURST_BYTES)) return [];
      const hole = await measure(it, address, direction);
      // Every size passes: it was a bad moment, or it is bulk that does not.
      if (hole.passes !== SIZES[0]) return [hole];
      return (await passes(it, address, direction, BURST_BYTES)) ? [] : [hole];
    }),
  );
  return holes.flat();
}

/** Each size on a connection of its own, since one that has lost a packet stands still. */
async function measure(it: UplinkCase, address: Destination, direction: Direction): Promise<Hole> {
  const family = isIP(address.host) === 6 ? 6 : 4;
  const passed = await Promise.all(
    SIZES.map(async (size) => {
      const bytes = size - OVERHEAD_BYTES - IP_HEADER_BYTES[family];
      return (await passes(it, address, direction, bytes)) ? size : 0;
    }),
  );
  const largest = Math.max(...passed);
  return { family, direction, passes: largest === 0 ? undefined : largest };
}

async function passes(
  { uplink, prober }: UplinkCase,
  address: Destination,
  direction: Direction,
  bytes: number,
): Promise<boolean> {
  let connection: Measuring | undefined;
  try {
    connection = (await prober.measure(uplink, address))?.connection;
    const exchange: Exchange | undefined =
      direction === 'up'
        ? await connection?.send(bytes, PATIENCE_MS)
        : await connection?.receive(bytes, PATIENCE_MS);
    return exchange?.isComplete ?? false;
  } catch {
    return false;
  } finally {
    connection?.close();
  }
}

/** Addresses of one family are taken to lie behind the same way. */
function oneOfEachFamily(addresses: readonly Destination[]): Destination[] {
  const of = (family: number) => addresses.find(({ host }) => isIP(host) === family);
  const found = [of(4), of(6)].flatMap((address) => address ?? []);
  return found.length > 0 ? found : addresses.slice(0, 1);
}

function judge(it: UplinkCase, holes: readonly Hole[]): Finding {
  const words = holes.map(({ family, direction, passes }) => {
    const way = `${direction === 'up' ? 'to' : 'from'} the concentrator over IPv${family}`;
    return passes === undefined ? `bulk does not pass ${way}` : `packets above ${passes} bytes vanish ${way}`;
  });
  const sizes = holes.flatMap(({ passes }) => passes ?? []);
  const text = `${words.join('; ')}, and nobody says so`;
  if (sizes.length < holes.length) return failed(text, [BY_KERNEL]);
  const largest = Math.min(...sizes);
  it.found.packetBytes = largest;
  const figures = { largestPacket: { value: largest, unit: 'bytes' as const } };
  return warning(text, [...byInterface(it, largest), BY_KERNEL], figures);
}

const BY_KERNEL =
  'sysctl -w net.ipv4.tcp_mtu_probing=1   # at both ends: the kernel then finds the size by itself';
/** RFC 8200, section 5. */
const LEAST_IPV6_BYTES = 1_280;

function byInterface({ uplink, view }: UplinkCase, bytes: number): string[] {
  const own = interfaceOf(uplink, view);
  if (own === undefined) return [];
  const mtu = Math.max(LEAST_IPV6_BYTES, bytes);
  return [`ip link set dev ${deviceWord(own)} mtu ${mtu}   # or on the router of this uplink`];
}
