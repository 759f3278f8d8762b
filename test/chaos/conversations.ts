import { SILENT_TALK, type Talk } from '../lab/agent/talk.ts';
import type { Random } from '../simulation/random.ts';
import { PORTS } from './network.ts';

/** A conversation, when it begins, and which port of the origin it is with. */
export interface Conversation {
  readonly atMs: number;
  readonly port: number;
  /** As reports name it. */
  readonly what: string;
  readonly talk: Talk;
}

type Shape = Omit<Talk, 'key'>;

/** From one conversation to the next, about. */
const EVERY_MS = 350;
/** Shells and mail clients that stay open to the end and say something now and then: some at first, then one more so often. */
const LONG_IDLE = { atFirst: 6, everyMs: 15_000 };
const LONG_PAUSE_MS = [5_000, 40_000] as const;

/** Kinds of conversations: how often each, and what is drawn for it. */
const KINDS: readonly { readonly what: string; readonly weight: number; shape(random: Random): Shape }[] = [
  {
    what: 'fetch',
    weight: 45,
    shape: (random) => ({
      ...SILENT_TALK,
      upBytes: random.integer(50, 800),
      downBytes: whole(random.logBetween(1, 200_000)),
    }),
  },
  {
    what: 'bulk down',
    weight: 6,
    shape: (random) => ({
      ...SILENT_TALK,
      upBytes: 200,
      downBytes: whole(random.logBetween(500_000, 12_000_000)),
    }),
  },
  {
    what: 'bulk up',
    weight: 6,
    shape: (random) => ({
      ...SILENT_TALK,
      upBytes: whole(random.logBetween(200_000, 6_000_000)),
      downBytes: 500,
    }),
  },
  {
    what: 'both ways',
    weight: 5,
    shape: (random) => ({
      ...SILENT_TALK,
      order: 'together',
      upBytes: whole(random.logBetween(10_000, 2_000_000)),
      downBytes: whole(random.logBetween(10_000, 4_000_000)),
    }),
  },
  {
    what: 'half-closed by the origin',
    weight: 8,
    shape: (random) => ({
      ...SILENT_TALK,
      order: 'down-first',
      upBytes: whole(random.logBetween(1, 500_000)),
      downBytes: whole(random.logBetween(1, 500_000)),
    }),
  },
  {
    what: 'turns',
    weight: 12,
    shape: (random) => {
      const messageBytes = whole(random.logBetween(1, 20_000));
      const bytes = messageBytes * random.integer(2, 12);
      const pauseMs = whole(random.logBetween(10, 3_000));
      return { ...SILENT_TALK, order: 'turns', upBytes: bytes, downBytes: bytes, messageBytes, pauseMs };
    },
  },
  {
    what: 'slow reader',
    weight: 6,
    shape: (random) => ({
      ...SILENT_TALK,
      upBytes: 200,
      downBytes: whole(random.logBetween(200_000, 2_000_000)),
      clientReads: random.integer(100_000, 400_000),
    }),
  },
  {
    what: 'slow origin',
    weight: 4,
    shape: (random) => ({
      ...SILENT_TALK,
      upBytes: whole(random.logBetween(200_000, 1_500_000)),
      downBytes: 10,
      originReads: random.integer(100_000, 400_000),
    }),
  },
];

/** Most go through the concentrator. */
const PORT_WEIGHTS: readonly (readonly [port: number, weight: number])[] = [
  [PORTS.optimistic, 55],
  [PORTS.plain, 25],
  [PORTS.redundant, 8],
  [PORTS.direct, 12],
];

/** Draws the traffic of `lengthMs`, with keys from `firstKey` on. */
export function drawConversations(random: Random, lengthMs: number, firstKey: number): Conversation[] {
  const drawn: Conversation[] = [];
  const add = (atMs: number, what: string, shape: Shape, port: number) =>
    drawn.push({ atMs, what, port, talk: { key: firstKey + drawn.length, ...shape } });
  const longIdle = LONG_IDLE.atFirst + Math.floor(lengthMs / LONG_IDLE.everyMs);
  for (let index = 0; index < longIdle; index++) {
    const atMs = Math.max(0, index - LONG_IDLE.atFirst) * LONG_IDLE.everyMs;
    const pauseMs = whole(random.between(...LONG_PAUSE_MS));
    const bytes = 100 * Math.max(2, Math.floor((lengthMs - atMs) / pauseMs));
    const shape: Shape = { ...SILENT_TALK, order: 'turns', upBytes: bytes, downBytes: bytes };
    add(atMs, 'long idle', { ...shape, messageBytes: 100, pauseMs }, weighted(random, PORT_WEIGHTS));
  }
  for (let atMs = 0; atMs < lengthMs; atMs += random.between(0, 2 * EVERY_MS)) {
    const { what, shape } = weighted(
      random,
      KINDS.map((kind) => [kind, kind.weight]),
    );
    add(whole(atMs), what, shape(random), weighted(random, PORT_WEIGHTS));
  }
  return drawn;
}

/** Downloads of which nobody reads more than the beginning for `stallMs`. */
export function stalledReaders(
  count: number,
  stallMs: number,
  atMs: number,
  firstKey: number,
): Conversation[] {
  return Array.from({ length: count }, (_, index) => ({
    ...{ atMs, what: 'stalled reader', port: PORTS.optimistic },
    talk: { key: firstKey + index, ...SILENT_TALK, upBytes: 100, downBytes: STALLED_BYTES, stallMs },
  }));
}

/** Some of these are more than a session's budget. */
const STALLED_BYTES = 700_000;

function weighted<Item>(random: Random, items: readonly (readonly [Item, number])[]): Item {
  let left = random.between(
    0,
    items.reduce((sum, [, weight]) => sum + weight, 0),
  );
  for (const [item, weight] of items) {
    left -= weight;
    if (left < 0) return item;
  }
  return items[0]![0];
}

function whole(value: number): number {
  return Math.round(value);
}
