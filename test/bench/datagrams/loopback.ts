import { createBed } from '../../bed/bed.ts';
import type { Version } from '../comparison/checkouts.ts';
import { type Contender, shadowsocks, tributaryContender } from '../loopback/contenders.ts';
import { usageOf } from '../usage.ts';
import { DatagramOrigin, flood } from './tool.ts';

/** A relay of datagrams on loopback, where only its own work limits it. */
export interface PacketRateRecord {
  readonly contender: string;
  readonly repetition: number;
  readonly bytes: number;
  /** Datagrams that it handed on, both ways. */
  readonly perSecond?: number;
  /** Of both its programs, for each of those. */
  readonly cpuMicroseconds?: number;
  /** Why there are no figures. */
  readonly error?: string;
}

/** A call's, and as long as they come. */
export const PACKET_BYTES: readonly number[] = [160, 1_200];

const PORT = 5004;
const HOST = '127.0.0.1';
/** Under way at a time: enough to keep both programs at work, too few to overflow a socket's buffer. */
const WINDOW = 64;
const WARM_UP_MS = 1_500;
const MEASURED_MS = 3_000;

/** The relays that are compared. */
export function packetContenders(version: Version): readonly Contender[] {
  return [tributaryContender(version, 1), shadowsocks];
}

/** About how long {@link measurePacketRates} takes for one contender. */
export const PACKET_RATE_MS = 3_500 + PACKET_BYTES.length * (WARM_UP_MS + MEASURED_MS);

/** Measures one contender in a namespace of its own. */
export async function measurePacketRates(
  contender: Contender,
  repetition: number,
  onBed: (bed: { close(): Promise<void> }) => void,
): Promise<PacketRateRecord[]> {
  const bed = await createBed({ uplinks: [] });
  onBed(bed);
  const records: PacketRateRecord[] = [];
  try {
    const where = bed.client;
    await DatagramOrigin.start(where, PORT);
    const { target, pids } = await contender.start(where);
    const route = { socksPort: target.proxyPort };
    for (const bytes of PACKET_BYTES) {
      const load = { window: WINDOW, bytes };
      await flood(where, route, { host: HOST, port: PORT }, { ...load, ms: WARM_UP_MS });
      const before = await usageOf(pids);
      const { answers, seconds } = await flood(
        where,
        route,
        { host: HOST, port: PORT },
        { ...load, ms: MEASURED_MS },
      );
      const after = await usageOf(pids);
      // A question and its answer.
      const handedOn = 2 * answers;
      records.push({
        ...{ contender: contender.name, repetition, bytes, perSecond: handedOn / seconds },
        cpuMicroseconds: (1e6 * (after.cpuSeconds - before.cpuSeconds)) / handedOn,
      });
    }
  } catch (error) {
    const told = { contender: contender.name, repetition, error: (error as Error).message };
    for (const bytes of PACKET_BYTES.slice(records.length)) records.push({ ...told, bytes });
  } finally {
    await bed.close();
  }
  return records;
}
