import { isIP } from 'node:net';
import type { Destination } from '../../../shared/protocol/destination.ts';
import { HandshakeRefused } from '../../../shared/protocol/handshake/client-handshake.ts';
import { type Finding, failed, ok, skipped, warning } from '../../../shared/runtime/doctor/finding.ts';
import type { Exchange } from '../../measurement/measurement-connection.ts';
import type { Measuring } from '../../measurement/open-measurement.ts';
import { deviceWord } from '../../network/remedy-commands.ts';
import { measuredCheck } from '../case/measured-check.ts';
import { interfaceOf } from '../case/own-interface.ts';
import type { UplinkCase } from '../case/uplink-check.ts';

/** Several packets of full size. */
const BURST_BYTES = 12_000;
/** Two of full size, by which a slow link can be told from one that loses them. */
const FEW_BYTES = 3_000;
/** A slow link takes a second and more for a burst, and a lost packet is there again within this time. */
const BURST_MS = 2_500;
/** For one packet, so many round trips at least: it is repeated after some. */
const ROUND_TRIPS = 10;
const LEAST_MS = 1_000;
/** Sizes of IP packets that are tried where full ones vanish: what tunnels, PPPoE, mobile networks and IPv6 leave. */
const SIZES = [1_492, 1_452, 1_400, 1_360, 1_300, 1_240, 1_100, 576] as const;
/** TLS record, frame header, and the headers of TCP with timestamps. */
const OVERHEAD_BYTES = 22 + 24 + 32;
const IP_HEADER_BYTES = { 4: 20, 6: 40 } as const;

const DIRECTIONS = ['up', 'down'] as const;
type Direction = (typeof DIRECTIONS)[number];

/** Whether packets of full size pass, in both directions, to each address: some networks drop them without a word. */
export const packetSizeCheck = measuredCheck({
  name: 'packet-size',
  needs: ['tcp', 'tls-and-pin', 'authentication'],
  async run(it) {
    const holes: (Hole | 'too slow')[] = [];
    // One after the other: each takes as many connections as there are sizes, and the concentrator allows only some.
    for (const address of oneOfEachFamily(it.found.secured)) holes.push(...(await holesTo(it, address)));
    const told = holes.filter((hole) => hole !== 'too slow');
    if (told.length > 0) return judge(it, told);
    if (holes.length > 0) return skipped('this uplink is too slow to tell');
    return ok('packets of full size pass in both directions');
  },
});

interface Hole {
  readonly family: 4 | 6;
  readonly direction: Direction;
  /** The largest packet that passed; undefined where none did. */
  readonly passes: number | undefined;
}

async function holesTo(it: UplinkCase, address: Destination): Promise<readonly (Hole | 'too slow')[]> {
  const bursts = await Promise.all(
    DIRECTIONS.map((direction) => passes(it, address, direction, BURST_BYTES, BURST_MS)),
  );
  const stuck = DIRECTIONS.filter((_, i) => !bursts[i]);
  const holes: (Hole | 'too slow')[] = [];
  for (const direction of stuck) {
    if (await passes(it, address, direction, FEW_BYTES, BURST_MS)) continue;
    const leastBytes = bytesIn(SIZES.at(-1)!, address);
    const { leastMs, roundMs } = await timesOf(it, address, direction, leastBytes);
    // Of a long round trip no more comes with more bytes.
    if (roundMs + (leastMs - roundMs) * (FEW_BYTES / leastBytes) > BURST_MS) {
      holes.push('too slow');
      continue;
    }
    const hole = await measure(it, address, direction, leastMs);
    // Every size passes: it was a bad moment, or it is bulk that does not.
    const isMoment =
      hole.passes === SIZES[0] && (await passes(it, address, direction, BURST_BYTES, BURST_MS));
    if (!isMoment) holes.push(hole);
  }
  return holes;
}

/** How long the least packet takes, 0 where it does not pass, and how much of that is the round trip. */
async function timesOf(it: UplinkCase, address: Destination, direction: Direction, leastBytes: number) {
  const found = await onConnection(it, address, async (connection) => {
    const roundMs = (await connection.ping(BURST_MS)) ?? 0;
    return { roundMs, least: await transfer(connection, direction, leastBytes, BURST_MS) };
  });
  const leastMs = found?.least.isComplete ? lengthOf(found.least) : 0;
  return { leastMs, roundMs: Math.min(found?.roundMs ?? 0, leastMs) };
}

/** Each size on a connection of its own, since one that has lost a packet stands still. */
async function measure(
  it: UplinkCase,
  address: Destination,
  direction: Direction,
  leastMs: number,
): Promise<Hole> {
  // All go at the same time.
  const roundMs = Math.max(it.found.connectMs ?? 0, leastMs);
  const patienceMs = Math.max(LEAST_MS, ROUND_TRIPS * roundMs);
  const passed = await Promise.all(
    SIZES.map(async (size) =>
      (await passes(it, address, direction, bytesIn(size, address), patienceMs)) ? size : 0,
    ),
  );
  const largest = Math.max(...passed);
  return { family: familyOf(address), direction, passes: largest === 0 ? undefined : largest };
}

function familyOf({ host }: Destination): 4 | 6 {
  return isIP(host) === 6 ? 6 : 4;
}

/** What a packet of this size carries. */
function bytesIn(size: number, address: Destination): number {
  return size - OVERHEAD_BYTES - IP_HEADER_BYTES[familyOf(address)];
}

/** How long an exchange took until the last of it was there. */
function lengthOf({ samples }: Exchange): number {
  return (samples.at(-1)?.atMs ?? 0) - (samples[0]?.atMs ?? 0);
}

async function passes(
  it: UplinkCase,
  address: Destination,
  ...wanted: [direction: Direction, bytes: number, patienceMs: number]
): Promise<boolean> {
  const found = await onConnection(it, address, (connection) => transfer(connection, ...wanted));
  return found?.isComplete ?? false;
}

function transfer(connection: Measuring, direction: Direction, bytes: number, patienceMs: number) {
  return direction === 'up' ? connection.send(bytes, patienceMs) : connection.receive(bytes, patienceMs);
}

/** What is measured on a connection of its own; undefined where there is none. */
async function onConnection<Measured>(
  { uplink, prober }: UplinkCase,
  address: Destination,
  measure: (connection: Measuring) => Promise<Measured>,
): Promise<Measured | undefined> {
  let connection: Measuring | undefined;
  try {
    connection = (await prober.measure(uplink, address))?.connection;
    return connection && (await measure(connection));
  } catch (error) {
    if (error instanceof HandshakeRefused) throw error;
    return undefined;
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
  const text = `${inWords(holes)}, and nobody says so`;
  const sizes = holes.flatMap(({ passes }) => passes ?? []);
  if (sizes.length < holes.length) return failed(text, [BY_KERNEL]);
  const largest = Math.min(...sizes);
  it.found.packetBytes = largest;
  const figures = { largestPacket: { value: largest, unit: 'bytes' as const } };
  return warning(text, [...byInterface(it, largest), BY_KERNEL], figures);
}

/** Holes of one size together. */
function inWords(holes: readonly Hole[]): string {
  const sizes = [...new Set(holes.map(({ passes }) => passes))];
  const texts = sizes.map((size) => {
    const own = holes.filter(({ passes }) => passes === size);
    const families = [...new Set(own.map(({ family }) => `IPv${family}`))];
    const ways = families.map((name) => {
      const directions = own
        .filter(({ family }) => `IPv${family}` === name)
        .map(({ direction }) => direction);
      if (directions.length === DIRECTIONS.length) return `${name}, both ways`;
      return `${name}, ${directions[0] === 'up' ? 'to' : 'from'} the concentrator`;
    });
    const what = size === undefined ? 'bulk does not pass' : `packets above ${size} bytes vanish`;
    return `${what} (${ways.join('; ')})`;
  });
  return texts.join('; ');
}

const BY_KERNEL =
  'sysctl -w net.ipv4.tcp_mtu_probing=1   # at both ends: the kernel then finds the size by itself';
/** RFC 8200, section 5. */
const LEAST_IPV6_BYTES = 1_280;

function byInterface({ uplink, view }: UplinkCase, bytes: number): string[] {
  const own = interfaceOf(uplink, view);
  if (own === undefined) return [];
  const cost = bytes < LEAST_IPV6_BYTES ? `; IPv6, which needs ${LEAST_IPV6_BYTES}, is off then` : '';
  return [`ip link set dev ${deviceWord(own)} mtu ${bytes}   # or on the router of this uplink${cost}`];
}
