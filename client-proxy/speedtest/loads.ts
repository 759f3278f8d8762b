import type { StreamPolicy } from '../../shared/protocol/steering/steering-policy.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import {
  addSample,
  type Exchange,
  type OnSample,
  type Sample,
} from '../measurement/measurement-connection.ts';
import type { OpenedMeasurement } from '../measurement/open-measurement.ts';
import { median, rateOf } from '../measurement/rate.ts';
import { askWhile, type Transfer, transferOver } from '../measurement/transfer.ts';
import { gradeOf, type LoadProbes, roundTripsPerMinute } from './responsiveness.ts';
import { type SessionExchange, type SessionTransferDeps, transferOverSession } from './session-transfer.ts';
import type { LoadFigures } from './speed-report.ts';

/** A transfer, and how long answers took meanwhile. */
export interface Load extends SessionExchange {
  readonly probes: LoadProbes;
}

/** A new connection for measurements over an uplink. Rejects where there is none. */
export type OpenMeasurement = () => Promise<OpenedMeasurement>;

/** Between two questions on a connection: the draft's bound is a hundred in a second. */
const ASK_EVERY_MS = 100;
/** Between two new connections. Each costs 7 kB, of which a slow link must not be full. */
const CONNECT_EVERY_MS = 500;
/** What has all of its bytes sooner may still have been growing. */
const SHORT_MS = 1_000;
/** Before that a queue has hardly grown. */
const SETTLE_SHARE = 0.25;
const MOST_SETTLE_MS = 750;
/** What a new connection has taken until HELLO is answered: one each for TCP, TLS, PROBE and HELLO. */
const ROUND_TRIPS_OF_OPENING = 4;

/**
 * Loads an uplink by some connections, as browsers and other speed tests do: one alone is held back by each loss. Asks for round trips on
 * one of them and on new ones. It ends when the first of them has its part. Rejects as `open`.
 */
export async function loadUplink(
  open: OpenMeasurement,
  transfer: Transfer & { readonly connections: number },
  clock: MonotonicClock,
  onSample: OnSample,
): Promise<Load> {
  const { direction, timeoutMs } = transfer;
  const opened = await openAll(open, transfer.connections);
  const part = { direction, timeoutMs, bytes: Math.floor(transfer.bytes / opened.length) };
  const sum = new SampleSum(clock(), onSample);
  const loading = Promise.race(opened.map(({ connection }) => transferOver(connection, part, sum.source())));
  const [{ connection: asked }] = opened as [OpenedMeasurement];
  const asking = Promise.all([
    askLater(loading, transfer, CONNECT_EVERY_MS, () => openingMs(open, clock)),
    askLater(loading, transfer, ASK_EVERY_MS, () => asked.ping(timeoutMs)),
  ]);
  const { isComplete } = await loading;
  const samples = [...sum.samples];
  // What is still under way on them would keep the link full.
  for (const { connection } of opened) connection.close();
  const [foreignMs, ownMs] = await asking;
  return { samples, isComplete, probes: { foreignMs, ownMs } };
}

/** All or none. */
async function openAll(open: OpenMeasurement, count: number): Promise<readonly OpenedMeasurement[]> {
  const tries = await Promise.allSettled(Array.from({ length: count }, open));
  const opened = tries.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const failed = tries.find((one) => one.status === 'rejected');
  if (failed === undefined) return opened;
  for (const { connection } of opened) connection.close();
  throw failed.reason;
}

/** What several transfers bring together. */
class SampleSum {
  readonly samples: Sample[];
  readonly #onSample: OnSample;
  #bytes = 0;

  constructor(startMs: number, onSample: OnSample) {
    this.samples = [{ atMs: startMs, bytes: 0 }];
    this.#onSample = onSample;
  }

  /** To be told of the samples of one of them. */
  source(): OnSample {
    let before = 0;
    return ({ atMs, bytes }) => {
      this.#bytes += bytes - before;
      before = bytes;
      const sample = { atMs, bytes: this.#bytes };
      addSample(this.samples, sample);
      this.#onSample(sample);
    };
  }
}

/** Loads the session by one stream, and asks how long new streams take to bring their first byte. Never rejects. */
export async function loadSession(
  transfer: Transfer,
  policy: StreamPolicy,
  deps: SessionTransferDeps,
  onSample: OnSample,
): Promise<Load> {
  const loading = transferOverSession(transfer, policy, deps, onSample);
  const ask = () => firstByteMs(transfer.timeoutMs, policy, deps);
  const foreignMs = await askLater(loading, transfer, ASK_EVERY_MS, ask);
  return { ...(await loading), probes: { foreignMs, ownMs: [] } };
}

/** How long a new stream takes to bring its first byte; undefined where it does not. Never rejects. */
export async function firstByteMs(
  timeoutMs: number,
  policy: StreamPolicy,
  deps: SessionTransferDeps,
): Promise<number | undefined> {
  const startMs = deps.clock();
  const { isComplete } = await transferOverSession({ direction: 'down', bytes: 1, timeoutMs }, policy, deps);
  return isComplete ? deps.clock() - startMs : undefined;
}

export function figuresOf({ samples, isComplete, probes }: Load): LoadFigures {
  // In the first half queues still grow.
  const foreignMs = laterHalf(probes.foreignMs);
  const rpm = roundTripsPerMinute({ foreignMs, ownMs: laterHalf(probes.ownMs) });
  const tookMs = (samples.at(-1)?.atMs ?? 0) - (samples[0]?.atMs ?? 0);
  return {
    bitsPerSecond: rounded(rateOf(samples)),
    bytes: bytesOf({ samples }),
    isShort: isComplete && tookMs < SHORT_MS,
    loadedMs: foreignMs.length === 0 ? null : median(foreignMs),
    rpm: rpm ?? null,
    grade: rpm === undefined ? null : gradeOf(rpm),
  };
}

export function bytesOf({ samples }: Pick<Exchange, 'samples'>): number {
  return samples.at(-1)?.bytes ?? 0;
}

function laterHalf(times: readonly number[]): readonly number[] {
  return times.slice(Math.floor(times.length / 2));
}

function rounded(value: number | undefined): number | null {
  return value === undefined ? null : Math.round(value);
}

async function askLater(
  loading: Promise<unknown>,
  { timeoutMs }: Transfer,
  everyMs: number,
  ask: () => Promise<number | undefined>,
): Promise<number[]> {
  const settleMs = Math.min(MOST_SETTLE_MS, SETTLE_SHARE * timeoutMs);
  const settled = await Promise.race([loading.then(() => false), delay(settleMs).then(() => true)]);
  return settled ? askWhile(loading, everyMs, ask) : [];
}

/** One round trip of a new connection; undefined where none is made. */
async function openingMs(open: OpenMeasurement, clock: MonotonicClock): Promise<number | undefined> {
  const startMs = clock();
  try {
    (await open()).connection.close();
    return (clock() - startMs) / ROUND_TRIPS_OF_OPENING;
  } catch {
    return undefined;
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
