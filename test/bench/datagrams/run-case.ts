import { setTimeout as sleep } from 'node:timers/promises';
import { type Bed, createBed } from '../../bed/bed.ts';
import type { Direction } from '../../bed/emulator.ts';
import type { Route } from '../../lab/agent/job.ts';
import { Origin, startJob } from '../../lab/agents.ts';
import { ORIGIN_PORT, SOCKS } from '../../lab/bed-place.ts';
import { lateness } from '../../lab/lateness.ts';
import { median } from '../../lab/statistics.ts';
import { startPair } from '../../lab/tributary-pair.ts';
import type { TributarySetup } from '../../lab/tributary-setup.ts';
import { bytesOf, type CaseId, type DatagramCase } from './cases.ts';
import { type FlowFigures, flowFigures } from './flow-figures.ts';
import {
  ask,
  bothDirections,
  callMs,
  DatagramOrigin,
  type DatagramRoute,
  type DatagramTarget,
  type EndOfCalls,
  makeCall,
} from './tool.ts';
import type { Questions, Traffic } from './traffic.ts';

/** One flow of one carrier, or its lookups, as the JSON has it. */
export interface DatagramRecord {
  readonly case: CaseId;
  /** `tributary`, or `single:a` for plain UDP over an uplink. */
  readonly contestant: string;
  readonly repetition: number;
  /** Absent where the whole case went wrong. */
  readonly traffic?: string;
  readonly direction?: Direction;
  readonly flow?: FlowFigures;
  readonly lookups?: LookupFigures;
  /** Of all uplinks: bytes beyond one copy of each datagram of the pair in one packet, over those. */
  readonly extraShare?: number;
  /** Why there are no figures. */
  readonly error?: string;
  /** How late the link emulator was on average; a busy machine shows here first. */
  readonly emulatorLateUs?: number;
}

/** Of questions one after the other. */
export interface LookupFigures {
  readonly p50Ms: number;
  readonly unanswered: number;
}

/** Somebody who carries datagrams in a bed. */
interface Contestant {
  readonly name: string;
  readonly isPair: boolean;
  readonly datagrams: DatagramRoute;
  readonly tcp: Route;
}

/** A call under way. */
interface Placed {
  readonly contestant: Contestant;
  readonly traffic: Traffic;
  readonly key: number;
  /** An Error where it could not be made. */
  readonly end: EndOfCalls | Error;
}

const PORT = 5004;
/** IPv4 and UDP. */
const IP_BYTES = 28;
/** Around a datagram in a packet of the pair: SPEC.md section 13. */
const PACKET_BYTES = 40;
/** The path's first feedback has come by then. */
const SETTLE_MS = 1_000;
const LIMIT_EXTRA_MS = 20_000;

/** Runs a case in a bed of its own. `onBed` gets the bed, so that it can be closed when everything must end at once. */
export async function runCase(
  one: DatagramCase,
  repetition: number,
  setup: TributarySetup,
  onBed: (bed: Bed) => void,
): Promise<DatagramRecord[]> {
  const { id, uplinks, carriers, changes, pairName } = one;
  const bed = await createBed({ uplinks, congestionControl: 'bbr', seed: repetition });
  onBed(bed);
  try {
    const origin = await DatagramOrigin.start(bed.origin, PORT);
    await Origin.start(bed.origin, bed.origin.address.v4, ORIGIN_PORT);
    const contestants = contestantsOf(bed, one);
    if (carriers.includes('pair')) {
      const names = bed.uplinks.map(({ name }) => ({ name, interface: name }));
      const configured = await setup.configured({ uplinks: names, ...changes });
      await startPair(bed, configured, names);
      await sleep(SETTLE_MS);
    }
    const measured = await measure(bed, one, origin, contestants);
    const emulatorLateUs = await lateness(bed);
    return measured.map((record) => ({ case: id, repetition, emulatorLateUs, ...record }));
  } catch (error) {
    const contestant = carriers.includes('pair') ? (pairName ?? 'tributary') : 'single';
    return [{ case: id, repetition, contestant, error: (error as Error).message }];
  } finally {
    await bed.close();
  }
}

/** About how long a case takes. */
export function expectedMs({ ms, carriers, besideBulkAfterMs = 0 }: DatagramCase): number {
  return 2_500 + (carriers.includes('pair') ? 1_500 : 0) + besideBulkAfterMs + callMs({ ms });
}

function contestantsOf(bed: Bed, { carriers, pairName = 'tributary' }: DatagramCase): Contestant[] {
  const pair: Contestant = {
    ...{ name: pairName, isPair: true, datagrams: { socksPort: SOCKS.port }, tcp: { socks: SOCKS } },
  };
  const singles = bed.uplinks.map(({ name, client }) => ({
    ...{
      name: `single:${name}`,
      isPair: false,
      datagrams: { from: client.v4 },
      tcp: { localAddress: client.v4 },
    },
  }));
  return [...(carriers.includes('pair') ? [pair] : []), ...(carriers.includes('singles') ? singles : [])];
}

type Measured = Omit<DatagramRecord, 'case' | 'repetition' | 'emulatorLateUs'>;

async function measure(
  bed: Bed,
  one: DatagramCase,
  origin: DatagramOrigin,
  contestants: readonly Contestant[],
): Promise<Measured[]> {
  const target = { host: bed.origin.address.v4, port: PORT };
  if (one.besideBulkAfterMs !== undefined)
    for (const { tcp } of contestants) await startBulk(bed, tcp, one.besideBulkAfterMs + callMs(one));
  if (one.besideBulkAfterMs !== undefined) await sleep(one.besideBulkAfterMs);
  const before = await linkBytes(bed);
  const happened = one.happen?.(bed);
  const lookups = contestants.map((contestant) => lookUp(bed, contestant, target, one.questions, one.ms));
  const placed = await Promise.all(
    contestants.flatMap((contestant, index) =>
      [...one.calls, ...((contestant.isPair && one.pairCalls) || [])].map(
        async (traffic, number): Promise<Placed> => {
          const key = 100 * index + number;
          const call = { ...traffic, key, ms: one.ms };
          const end = await makeCall(bed.client, contestant.datagrams, target, call).catch(
            (error: Error) => error,
          );
          return { contestant, traffic, key, end };
        },
      ),
    ),
  );
  await happened;
  const answered = (await Promise.all(lookups)).flat();
  const bytes = (await linkBytes(bed)) - before;
  const originEnd = await origin.stop();
  const flows = placed.flatMap((call) => flowsOf(call, originEnd));
  if (one.pairCalls === undefined) return [...flows, ...answered];
  const extraShare = extraOf(bytes, placed, originEnd, contestants, one.questions);
  return [...flows, ...answered, { contestant: contestants[0]!.name, extraShare }];
}

function flowsOf({ contestant, traffic, key, end }: Placed, origin: EndOfCalls): Measured[] {
  if (end instanceof Error)
    return [{ contestant: contestant.name, traffic: traffic.name, error: end.message.trim() }];
  const both = bothDirections(key, end, origin);
  return (['up', 'down'] as const)
    .filter((direction) => !isKeep(traffic, direction))
    .map((direction) => ({
      ...{
        contestant: contestant.name,
        traffic: traffic.name,
        direction,
        flow: flowFigures(both[direction]),
      },
    }));
}

/** Only keeps the other direction going. */
function isKeep(traffic: Traffic, direction: Direction): boolean {
  return traffic[direction].bytes < traffic[direction === 'up' ? 'down' : 'up'].bytes / 10;
}

async function lookUp(
  bed: Bed,
  { name, datagrams }: Contestant,
  target: DatagramTarget,
  questions: Questions | undefined,
  ms: number,
): Promise<Measured[]> {
  if (!questions) return [];
  try {
    const times = await ask(bed.client, datagrams, target, questions, ms + LIMIT_EXTRA_MS);
    const answered = times.flatMap((time) => time ?? []);
    const lookups = { p50Ms: median(answered), unanswered: times.length - answered.length };
    return [{ contestant: name, traffic: 'lookups', lookups }];
  } catch (error) {
    return [{ contestant: name, traffic: 'lookups', error: (error as Error).message.trim() }];
  }
}

/** A TCP download; resolves with its first byte. */
async function startBulk(bed: Bed, route: Route, ms: number): Promise<void> {
  const job = startJob(bed.client, {
    ...{ task: { kind: 'bulk', direction: 'down', ms }, route, limitMs: ms + LIMIT_EXTRA_MS },
    origin: { host: bed.origin.address.v4, port: ORIGIN_PORT },
  });
  // It may be cut short by the end of the bed.
  job.result.catch(() => {});
  await job.firstByte;
}

async function linkBytes(bed: Bed): Promise<number> {
  return (await Promise.all(bed.uplinks.map(bytesOf))).reduce((sum, bytes) => sum + bytes, 0);
}

/** What travelled beyond one copy of each datagram, over those of the pair. */
function extraOf(
  bytes: number,
  placed: readonly Placed[],
  origin: EndOfCalls,
  contestants: readonly Contestant[],
  questions: Questions | undefined,
): number {
  let once = 0;
  let ofPair = 0;
  const add = (isPair: boolean, count: number, size: number) => {
    const sum = count * (size + IP_BYTES + (isPair ? PACKET_BYTES : 0));
    once += sum;
    if (isPair) ofPair += sum;
  };
  for (const { contestant, traffic, key, end } of placed) {
    if (end instanceof Error) continue;
    add(contestant.isPair, end.sent.get(key) ?? 0, traffic.up.bytes);
    add(contestant.isPair, origin.sent.get(key) ?? 0, traffic.down.bytes);
  }
  for (const { isPair } of contestants) if (questions) add(isPair, 2 * questions.count, questions.bytes);
  return (bytes - once) / ofPair;
}
