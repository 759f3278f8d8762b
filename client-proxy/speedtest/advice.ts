import { formatRate } from '../measurement/rate.ts';
import type { Direction } from '../measurement/transfer.ts';
import { GRADE_WORDS } from './responsiveness.ts';
import type { SharedBottleneck } from './shared-bottleneck.ts';
import type { SpeedReport, UplinkSpeed } from './speed-report.ts';

type Measured = Omit<SpeedReport, 'advice'>;

/** More than rates differ from one measurement to the next. */
const GAIN = 1.1;
const LOSS = 0.9;
/** The aggregate takes at least so much of what the uplinks carry at once where nothing is wrong. */
const GOOD_SHARE = 0.8;
/** A queue this much longer than the idle round trip is felt in calls. */
const MUCH_QUEUE_MS = 200;
/** Uplinks whose round trips differ by more are hard to use for one stream. */
const MUCH_DIFFERENCE = 8;

const WORDS: Readonly<Record<Direction, string>> = { down: 'Download', up: 'Upload' };

/** What a person should know of the figures, and do about them. */
export function adviceOn(report: Measured): readonly string[] {
  return [
    ...(['down', 'up'] as const).flatMap((direction) => onRates(report, direction)),
    ...onShared(report.shared, report.uplinks),
    ...report.uplinks.flatMap(onLatency),
    ...onShort(report),
    ...report.uplinks.flatMap(onLeftOut),
    ...(report.aggregateReason === '' ? [] : [`The aggregate was not measured: ${report.aggregateReason}.`]),
  ];
}

interface Rated {
  readonly name: string;
  readonly rate: number;
}

function onRates(report: Measured, direction: Direction): string[] {
  const rated = report.uplinks
    .filter(({ isBackup }) => !isBackup)
    .flatMap(({ name, alone }): Rated[] => {
      const rate = alone[direction]?.bitsPerSecond ?? undefined;
      return rate === undefined ? [] : [{ name, rate }];
    })
    .sort((one, other) => other.rate - one.rate);
  const [best, ...others] = rated;
  const aggregate = report.aggregate[direction]?.bitsPerSecond ?? undefined;
  if (best === undefined) return [];
  const head = `${WORDS[direction]}:`;
  if (others.length === 0) {
    return [
      `${head} ${best.name} is full with ${formatRate(best.rate)}; there is no other uplink to add to it.`,
    ];
  }
  const full = `${head} ${best.name} is full with ${formatRate(best.rate)}`;
  const adds = others.map(({ name, rate }) => `${name} adds ${formatRate(rate)}`).join(', ');
  if (aggregate === undefined) return [`${full}; alone, ${others.map(shown).join(', ')}.`];
  const together = formatRate(aggregate);
  if (aggregate >= GAIN * best.rate) {
    const times = (aggregate / best.rate).toFixed(1);
    return [
      `${full}; ${adds}: together ${together}, ${times} times the best.`,
      ...onShare(report, direction, aggregate),
    ];
  }
  if (aggregate >= LOSS * best.rate) {
    return [
      `${full}; the aggregate has ${together}, so the others add nothing. ${whyLittle(report, direction)}`,
    ];
  }
  return [
    `${head} the aggregate has ${together}, less than ${best.name} alone (${formatRate(best.rate)}). ${whyLittle(report, direction)}`,
  ];
}

function shown({ name, rate }: Rated): string {
  return `${name} has ${formatRate(rate)}`;
}

/** Where the uplinks carry clearly more at once than one stream over all of them gets. */
function onShare(report: Measured, direction: Direction, aggregate: number): string[] {
  const sum = sumBeside(report.uplinks, direction);
  if (sum === 0 || aggregate >= GOOD_SHARE * sum) return [];
  return [
    `${WORDS[direction]}: that is ${Math.round((100 * aggregate) / sum)} % of the ${formatRate(sum)} that they carry at once. ${whyLittle(report, direction)}`,
  ];
}

function sumBeside(uplinks: readonly UplinkSpeed[], direction: Direction): number {
  return uplinks.reduce((sum, { beside }) => sum + (beside[direction] ?? 0), 0);
}

/** The first reason that the figures show. */
function whyLittle({ uplinks, shared }: Measured, direction: Direction): string {
  const bottleneck = shared.find((one) => one.direction === direction);
  if (bottleneck !== undefined) return `${listed(bottleneck.uplinks)} share a bottleneck.`;
  const times = uplinks.flatMap(({ isBackup, idleMs, name }) =>
    isBackup || idleMs === null ? [] : [{ name, ms: idleMs }],
  );
  const [slow, quick] = [
    times.reduce((one, other) => (other.ms > one.ms ? other : one), times[0]!),
    times.reduce((one, other) => (other.ms < one.ms ? other : one), times[0]!),
  ];
  if (slow !== undefined && slow.ms > MUCH_DIFFERENCE * quick.ms) {
    return `The round trip over ${slow.name} is ${Math.round(slow.ms)} ms, over ${quick.name} ${Math.round(quick.ms)} ms: make ${slow.name} a backup if transfers are no faster with it.`;
  }
  return 'Other traffic, loss on an uplink or a slow processor at either end may be the reason; tributary-client doctor looks for them.';
}

function onShared(shared: readonly SharedBottleneck[], uplinks: readonly UplinkSpeed[]): string[] {
  const regular = uplinks.filter(({ state, isBackup }) => state === 'measured' && !isBackup);
  return shared.map(({ direction, uplinks: names }) => {
    const where =
      names.length === regular.length && names.length > 2
        ? 'It may be near the concentrator, or one of the two machines.'
        : 'They may be one line, one cell or one router.';
    return `${WORDS[direction]}: ${listed(names)} share a bottleneck, so together they carry no more than one of them. ${where}`;
  });
}

function onLatency({ name, idleMs, alone }: UplinkSpeed): string[] {
  return (['down', 'up'] as const).flatMap((direction) => {
    const loadedMs = alone[direction]?.loadedMs ?? null;
    if (idleMs === null || loadedMs === null || loadedMs - idleMs <= MUCH_QUEUE_MS) return [];
    const grade = alone[direction]?.grade ?? 'bad';
    return [
      `${WORDS[direction]}: a full ${name} answers after ${Math.round(loadedMs)} ms in place of ${Math.round(idleMs)} ms (bufferbloat): ${GRADE_WORDS[grade]}. Turn on SQM (CAKE or FQ-CoDel) in its router, where it has that.`,
    ];
  });
}

function onShort({ uplinks, aggregate }: Measured): string[] {
  const all = [...uplinks.map(({ alone }) => alone), aggregate].flatMap(({ down, up }) => [down, up]);
  const isShort = all.some((figures) => figures?.isShort);
  return isShort
    ? ['Some of it took less than a second, so that rates may be higher: allow more bytes (--max).']
    : [];
}

function onLeftOut({ name, state, reason, isMetered }: UplinkSpeed): string[] {
  if (state === 'failed') return [`${name} was not measured: ${reason}.`];
  if (state !== 'skipped') return [];
  return [`${name} was left out: ${reason}${isMetered ? '; --metered measures it all the same' : ''}.`];
}

function listed(names: readonly string[]): string {
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}
