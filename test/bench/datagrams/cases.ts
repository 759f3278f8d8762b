import { setTimeout as sleep } from 'node:timers/promises';
import type { Bed } from '../../bed/bed.ts';
import type { Uplink, UplinkSpec } from '../../bed/uplink.ts';
import type { Changes } from '../../lab/tributary-setup.ts';
import { networkById } from '../scenarios.ts';
import {
  GAME,
  LOOKUPS,
  type Questions,
  type Traffic,
  VIDEO_CALL,
  VIDEO_DOWN,
  VIDEO_UP,
  VOICE,
} from './traffic.ts';

/** Who carries the datagrams: the pair, or each uplink by itself as plain UDP. */
export type Carrier = 'pair' | 'singles';

/** What applications do at the same time in one bed, while something happens to it. */
export interface DatagramCase {
  readonly id: CaseId;
  readonly title: string;
  readonly uplinks: readonly UplinkSpec[];
  readonly carriers: readonly Carrier[];
  /** As reports name the pair: `tributary` unless told. */
  readonly pairName?: string;
  /** Keys of the client's configuration. */
  readonly changes?: Changes;
  readonly ms: number;
  /** By each carrier. */
  readonly calls: readonly Traffic[];
  /** By the pair alone: what is too much for one uplink. */
  readonly pairCalls?: readonly Traffic[];
  /** By each carrier. */
  readonly questions?: Questions;
  /** By the carriers' own TCP downloads, which begin so long before. */
  readonly besideBulkAfterMs?: number;
  /** Happens from the start of the calls on. */
  happen?(bed: Bed): Promise<void>;
}

export const CASE_IDS = [
  'idle',
  'bulk',
  'pauses',
  'mixed',
  'hole-twin',
  'hole-cellular',
  'loss',
  'video-down',
  'video-up',
] as const;
export type CaseId = (typeof CASE_IDS)[number];

const BOTH: readonly Carrier[] = ['pair', 'singles'];
const TWIN = networkById('E1').uplinks;
const CELLULAR = networkById('E8').uplinks;
const LOSSY: readonly UplinkSpec[] = [
  { name: 'a', rateMbps: 20, rttMs: 40, queueMs: 100, lossPercent: 2 },
  { name: 'b', rateMbps: 20, rttMs: 60, queueMs: 100, lossPercent: 2 },
];
const FIFTEENS: readonly UplinkSpec[] = [
  { name: 'a', rateMbps: 15, rttMs: 30, queueMs: 100 },
  { name: 'b', rateMbps: 15, rttMs: 50, queueMs: 100 },
];
/** Radio pauses, as in F4. */
const PAUSES = { gapMs: [2_000, 5_000], lengthMs: [400, 800] } as const;
/** Enough datagrams for their 99th percentile to be that of many pauses. */
const PAUSES_MS = 30_000;
/** A black hole begins so long after the last has ended: what was learned of the uplink is forgotten, or at least less fresh. */
const BETWEEN_HOLES_MS = 3_000;
const HOLE_MS = 2_000;
const HOLES = 3;
/** What an uplink carries is looked at for so long, to find the one that a flow is on. */
const LOOK_MS = 300;
const VIDEO_MS = 8_000;
/** Bulk TCP fills the links before the call begins. */
const BULK_LEAD_MS = 3_000;

/** In the order in which they run. */
export const CASES: readonly DatagramCase[] = [
  {
    ...{ id: 'idle', title: 'a call and lookups, twin uplinks, nothing else', uplinks: TWIN, carriers: BOTH },
    ...{ ms: 8_000, calls: [VOICE], questions: LOOKUPS },
  },
  {
    ...{ id: 'bulk', title: 'a call beside a TCP download over both', uplinks: TWIN, carriers: ['pair'] },
    ...{ ms: 12_000, calls: [VOICE], besideBulkAfterMs: BULK_LEAD_MS },
  },
  {
    ...{ id: 'bulk', title: 'calls beside TCP downloads over each', uplinks: TWIN, carriers: ['singles'] },
    ...{ ms: 8_000, calls: [VOICE], besideBulkAfterMs: BULK_LEAD_MS },
  },
  {
    ...{ id: 'pauses', title: 'a call, three cellular uplinks that pause 400 to 800 ms', uplinks: CELLULAR },
    ...{ carriers: BOTH, ms: PAUSES_MS, calls: [VOICE], happen: pauses },
  },
  {
    ...{
      id: 'mixed',
      title: 'the same with a video call, a game and lookups',
      uplinks: CELLULAR,
      carriers: BOTH,
    },
    ...{ ms: PAUSES_MS, calls: [VOICE], pairCalls: [VIDEO_CALL, GAME], questions: LOOKUPS, happen: pauses },
  },
  hole('hole-twin', 'twin', TWIN),
  hole('hole-cellular', 'three cellular', CELLULAR),
  {
    ...{
      id: 'loss',
      title: 'a call and a game, 2 % loss on each of two uplinks',
      uplinks: LOSSY,
      carriers: BOTH,
    },
    ...{ ms: 30_000, calls: [VOICE, GAME] },
  },
  ...[VIDEO_DOWN, VIDEO_UP].flatMap((traffic) => video(traffic)),
];

function hole(id: CaseId, name: string, uplinks: readonly UplinkSpec[]): DatagramCase {
  return {
    ...{ id, title: `a call, ${name} uplinks, silent black holes of the one that it is on`, uplinks },
    ...{ carriers: BOTH, ms: HOLES * (BETWEEN_HOLES_MS + HOLE_MS), calls: [VOICE], happen: holes },
  };
}

function video(traffic: Traffic): DatagramCase[] {
  const id = traffic.name as CaseId;
  const one: Omit<DatagramCase, 'carriers'> = {
    ...{
      id,
      title: `20 Mbit/s over 15 + 15 Mbit/s: ${id}`,
      uplinks: FIFTEENS,
      ms: VIDEO_MS,
      calls: [traffic],
    },
  };
  const aggregate = { 'steering.datagrams': { mode: 'aggregate' } };
  return [
    { ...one, carriers: ['pair'] },
    { ...one, carriers: ['pair'], pairName: 'tributary-aggregate', changes: aggregate },
    { ...one, carriers: ['singles'] },
  ];
}

async function pauses(bed: Bed): Promise<void> {
  for (const uplink of bed.uplinks) await uplink.pauses([...PAUSES.gapMs], [...PAUSES.lengthMs]);
}

async function holes(bed: Bed): Promise<void> {
  for (let i = 0; i < HOLES; i++) {
    await sleep(BETWEEN_HOLES_MS - LOOK_MS);
    const busiest = await busiestUplink(bed);
    await busiest.blackhole();
    await sleep(HOLE_MS);
    await busiest.restore();
  }
}

/** The uplink that carries most; plain UDP beside it is the same on all. */
async function busiestUplink(bed: Bed): Promise<Uplink> {
  const before = await Promise.all(bed.uplinks.map(bytesOf));
  await sleep(LOOK_MS);
  const after = await Promise.all(bed.uplinks.map(bytesOf));
  const grown = after.map((bytes, i) => bytes - before[i]!);
  return bed.uplinks[grown.indexOf(Math.max(...grown))]!;
}

/** All IP bytes that an uplink was given, both ways. */
export async function bytesOf(uplink: Uplink): Promise<number> {
  const { up, down } = await uplink.stats();
  return up.bytesIn + down.bytesIn;
}
