import type { StreamPolicy } from '../../shared/protocol/steering/steering-policy.ts';
import type { CancelSignal } from '../../shared/runtime/async/cancellation.ts';
import type { MonotonicClock, WallClock } from '../../shared/runtime/clock.ts';
import type { ConfiguredUplink } from '../config/client-config.ts';
import type { OpenedMeasurement } from '../measurement/open-measurement.ts';
import { median, rateBetween } from '../measurement/rate.ts';
import type { Direction } from '../measurement/transfer.ts';
import type { SessionKeeper } from '../session/session-keeper.ts';
import { failureText } from '../uplink/uplink-error.ts';
import { adviceOn } from './advice.ts';
import { Budget, LEAST_BYTES, type Planned } from './budget.ts';
import { LiveRate } from './live-rate.ts';
import { bytesOf, figuresOf, firstByteMs, type Load, loadSession, loadUplink } from './loads.ts';
import {
  isShared,
  joinedGroups,
  type Rates,
  type SharedBottleneck,
  suspectedPairs,
} from './shared-bottleneck.ts';
import {
  type LoadFigures,
  NOT_MEASURED,
  type SpeedProgress,
  type SpeedReport,
  type SpeedTestRequest,
  type UplinkSpeed,
} from './speed-report.ts';
import {
  chooseSubjects,
  ratesAlone,
  SpeedTestError,
  type Subject,
  type SubjectSource,
  speedOf,
} from './subjects.ts';

/** What a speed test gets from the client that it runs in. */
export interface SpeedTestDeps extends SubjectSource {
  /** A connection for measurements; undefined where the concentrator is older than these. Rejects with an error that says why. */
  open(uplink: ConfiguredUplink): Promise<OpenedMeasurement | undefined>;
  readonly keeper: Pick<SessionKeeper, 'openStream' | 'uplinks'>;
  readonly clock: MonotonicClock;
  readonly wallClock: WallClock;
}

const DIRECTIONS = ['down', 'up'] as const;
const IDLE_PINGS = 8;
const PATIENCE_MS = 5_000;
const PROGRESS_EVERY_MS = 250;
/** So long the session may take to have a subflow on each uplink that it is measured over. */
const SUBFLOWS_WAIT_MS = 5_000;
const LOOK_EVERY_MS = 50;
/** Of an uplink that is measured; others of a client at the same time, with those that ask, are within what a concentrator allows. */
const CONNECTIONS = 4;
const MOST_CONNECTIONS = 12;
/** Pairs of uplinks that may share a bottleneck are measured again, in each direction; for this many there are bytes set aside. */
const EXPECTED_PAIRS = 1;

/** One test, from its first question to its report. */
export class SpeedTest {
  readonly #deps: SpeedTestDeps;
  readonly #request: SpeedTestRequest;
  readonly #signal: CancelSignal;
  readonly #onProgress: (progress: SpeedProgress) => void;
  readonly #live: LiveRate;
  #subjects: readonly Subject[] = [];
  #budget = new Budget(0, []);
  #stepsDone = 0;
  #steps = 1;

  constructor(
    deps: SpeedTestDeps,
    request: SpeedTestRequest,
    onProgress: (progress: SpeedProgress) => void,
    signal: CancelSignal,
  ) {
    this.#deps = deps;
    this.#request = request;
    this.#onProgress = onProgress;
    this.#signal = signal;
    this.#live = new LiveRate(deps.clock);
  }

  /** Rejects with SpeedTestError, or with the signal's reason. */
  async run(): Promise<SpeedReport> {
    const { clock, wallClock } = this.#deps;
    const [startedMs, startMs] = [wallClock(), clock()];
    this.#subjects = chooseSubjects(this.#request, this.#deps);
    const allowanceBytes = await this.#measureIdle();
    const plan = this.#plan();
    const bytes = Math.min(this.#request.maxBytes, allowanceBytes);
    if (bytes < LEAST_BYTES * plan.length) throw new SpeedTestError(tooFew(allowanceBytes, this.#request));
    this.#budget = new Budget(bytes, plan);
    this.#steps = plan.length;
    for (const subject of this.#measured) {
      for (const direction of DIRECTIONS) await this.#measureAlone(subject, direction);
    }
    const shared: SharedBottleneck[] = [];
    if (this.#striped.length > 1) {
      for (const direction of DIRECTIONS) shared.push(...(await this.#measureTogether(direction)));
    }
    const aggregate = await this.#measureAggregate();
    const report = {
      ...{ startedMs, tookMs: Math.round(clock() - startMs) },
      uplinks: this.#speeds,
      ...{ ...aggregate, shared, bytes: this.#budget.usedBytes },
    };
    return { ...report, advice: adviceOn(report) };
  }

  get #speeds(): readonly UplinkSpeed[] {
    return this.#subjects.map(speedOf);
  }

  get #measured(): readonly Subject[] {
    return this.#subjects.filter(({ state }) => state === 'measured');
  }

  /** Those that the session spreads a stream over: backups wait for times when the others fail. */
  get #striped(): readonly Subject[] {
    const regular = this.#measured.filter(({ uplink }) => !uplink.backup);
    return regular.length > 0 ? regular : this.#measured;
  }

  #plan(): readonly Planned[] {
    const alone = this.#measured.flatMap(() => DIRECTIONS.map(() => ({ uplinks: 1 })));
    const uplinks = this.#striped.length;
    const together = uplinks > 1 ? DIRECTIONS.map(() => ({ uplinks })) : [];
    const pairs = uplinks > 1 ? DIRECTIONS.map(() => ({ uplinks: 2 * EXPECTED_PAIRS })) : [];
    return [...alone, ...together, ...pairs, ...DIRECTIONS.map(() => ({ uplinks }))];
  }

  /** Asks each for its round trip, and finds those that do not answer. @returns what the concentrator allows, bytes */
  async #measureIdle(): Promise<number> {
    const names = this.#measured.map(({ uplink }) => uplink.name);
    this.#onProgress({ phase: 'idle', uplinks: names, bitsPerSecond: 0, share: 0 });
    let allowanceBytes = Number.MAX_SAFE_INTEGER;
    await Promise.all(
      this.#measured.map((subject) =>
        this.#unlessItFails(subject, async () => {
          const { connection, terms } = await this.#open(subject);
          allowanceBytes = Math.min(allowanceBytes, terms.allowanceBytes);
          try {
            const times: number[] = [];
            for (let i = 0; i < IDLE_PINGS; i++) {
              const ms = await connection.ping(PATIENCE_MS);
              if (ms === undefined) throw new SpeedTestError('the concentrator stopped to answer');
              times.push(ms);
            }
            subject.idleMs = median(times);
          } finally {
            connection.close();
          }
        }),
      ),
    );
    this.#signal.throwIfAborted();
    if (this.#measured.length > 0) return allowanceBytes;
    const reasons = this.#subjects.map(({ uplink, reason }) => `${uplink.name}: ${reason}`);
    throw new SpeedTestError(`no uplink reaches the concentrator: ${reasons.join('; ')}`);
  }

  async #measureAlone(subject: Subject, direction: Direction): Promise<void> {
    if (subject.state !== 'measured') return;
    await this.#step('alone', direction, [subject], async (bytes) => {
      const load = await this.#load(subject, direction, bytes, 0);
      if (load !== undefined) subject.alone[direction] = figuresOf(load);
    });
  }

  /** All at once, and then each pair that seems to hold each other back. @returns what does */
  async #measureTogether(direction: Direction): Promise<readonly SharedBottleneck[]> {
    const alone = ratesAlone(this.#striped, direction);
    const together = await this.#loadTogether('together', direction, this.#striped);
    for (const subject of this.#striped) {
      subject.beside[direction] = together.get(subject.uplink.name) ?? null;
    }
    const suspected = suspectedPairs(alone, together);
    const shared: (readonly [string, string])[] = [];
    for (const pair of suspected) {
      const subjects = this.#measured.filter(({ uplink }) => pair.includes(uplink.name));
      if (subjects.length < 2) continue;
      const rates = await this.#loadTogether('pair', direction, subjects);
      // Without bytes for that, what all had together decides.
      if (isShared(pair, alone, rates.size === pair.length ? rates : together)) shared.push(pair);
    }
    return joinedGroups(shared).map((uplinks) => ({ direction, uplinks }));
  }

  async #loadTogether(
    phase: 'together' | 'pair',
    direction: Direction,
    subjects: readonly Subject[],
  ): Promise<Rates> {
    const alone = ratesAlone(subjects, direction);
    const whole = [...alone.values()].reduce((sum, rate) => sum + rate, 0);
    let loads: readonly (Load | undefined)[] = [];
    await this.#step(phase, direction, subjects, async (bytes) => {
      loads = await Promise.all(
        subjects.map((subject) => {
          // So that all of them end at about the same time.
          const share = whole === 0 ? 1 / subjects.length : (alone.get(subject.uplink.name) ?? 0) / whole;
          const own = Math.floor(bytes * share);
          return own < LEAST_BYTES / 4 ? undefined : this.#load(subject, direction, own, subjects.length - 1);
        }),
      );
    });
    const { fromMs, toMs } = commonTime(loads);
    return new Map(
      subjects.flatMap(({ uplink }, i) => {
        const rate = rateBetween(loads[i]?.samples ?? [], fromMs, toMs);
        return rate === undefined ? [] : [[uplink.name, Math.round(rate)] as const];
      }),
    );
  }

  async #measureAggregate(): Promise<Pick<SpeedReport, 'aggregate' | 'aggregateIdleMs' | 'aggregateReason'>> {
    const figures: Record<Direction, LoadFigures | null> = { ...NOT_MEASURED };
    const subjects = this.#striped;
    if (subjects.length === 0) {
      return { aggregate: figures, aggregateIdleMs: null, aggregateReason: 'no uplink is left' };
    }
    const policy: StreamPolicy = { mode: 'aggregate', only: subjects.map(({ uplink }) => uplink.name) };
    await this.#untilJoined(subjects);
    const aggregateIdleMs = (await firstByteMs(PATIENCE_MS, policy, this.#deps)) ?? null;
    let aggregateReason = '';
    for (const direction of DIRECTIONS) {
      await this.#step('aggregate', direction, subjects, async (bytes) => {
        const transfer = { direction, bytes, timeoutMs: this.#request.measurementMs };
        const load = await loadSession(transfer, policy, this.#deps, this.#live.source());
        this.#budget.use(bytesOf(load));
        if (load.error === undefined || bytesOf(load) > 0) figures[direction] = figuresOf(load);
        else aggregateReason = AGGREGATE_REASONS[load.error] ?? `the stream failed: ${load.error}`;
      });
    }
    return { aggregate: figures, aggregateIdleMs, aggregateReason };
  }

  /** A stream uses the subflows that there are. */
  async #untilJoined(subjects: readonly Subject[]): Promise<void> {
    const { keeper } = this.#deps;
    const isUp = ({ uplink }: Subject) =>
      keeper.uplinks.some((status) => status.name === uplink.name && status.isUp);
    for (let waitedMs = 0; waitedMs < SUBFLOWS_WAIT_MS; waitedMs += LOOK_EVERY_MS) {
      if (subjects.every(isUp)) return;
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
      this.#signal.throwIfAborted();
    }
  }

  /** One measurement, with its part of the bytes, if enough are left. */
  async #step(
    phase: SpeedProgress['phase'],
    direction: Direction,
    subjects: readonly Subject[],
    work: (bytes: number) => Promise<void>,
  ): Promise<void> {
    this.#signal.throwIfAborted();
    const bytes = this.#budget.next({ uplinks: subjects.length });
    const names = subjects.map(({ uplink }) => uplink.name);
    const { clock } = this.#deps;
    const startMs = clock();
    this.#live.clear();
    const tell = () => {
      const part = Math.min(1, (clock() - startMs) / this.#request.measurementMs);
      const share = Math.min(1, (this.#stepsDone + part) / this.#steps);
      const { bitsPerSecond } = this.#live;
      this.#onProgress({ phase, direction, uplinks: names, bitsPerSecond, share, soFar: this.#speeds });
    };
    const timer = setInterval(tell, PROGRESS_EVERY_MS);
    try {
      tell();
      if (bytes >= LEAST_BYTES) await work(bytes);
    } finally {
      clearInterval(timer);
      if (phase !== 'pair') this.#stepsDone++;
    }
    this.#signal.throwIfAborted();
  }

  /** Undefined where the uplink has failed. */
  #load(subject: Subject, direction: Direction, bytes: number, beside: number): Promise<Load | undefined> {
    const connections = Math.max(1, Math.min(CONNECTIONS, Math.floor(MOST_CONNECTIONS / (beside + 1))));
    const transfer = { direction, bytes, timeoutMs: this.#request.measurementMs, connections };
    const { clock } = this.#deps;
    return this.#unlessItFails(subject, async () => {
      const load = await loadUplink(() => this.#open(subject), transfer, clock, this.#live.source());
      this.#budget.use(bytesOf(load));
      if (bytesOf(load) === 0) throw new SpeedTestError(`nothing came through it ${direction}`);
      return load;
    });
  }

  async #open({ uplink }: Subject): Promise<OpenedMeasurement> {
    this.#signal.throwIfAborted();
    const opened = await this.#deps.open(uplink);
    if (opened === undefined) {
      throw new SpeedTestError('the concentrator is older than measurements: update it');
    }
    return opened;
  }

  async #unlessItFails<Result>(subject: Subject, work: () => Promise<Result>): Promise<Result | undefined> {
    try {
      return await work();
    } catch (error) {
      this.#signal.throwIfAborted();
      subject.state = 'failed';
      subject.reason = failureText(subject.uplink.name, error as Error);
      return undefined;
    }
  }
}

const AGGREGATE_REASONS: Readonly<Record<string, string>> = {
  nameNotFound: 'the concentrator is older than streams that measure: update it',
  notAuthorized: 'the concentrator forbids it (limits.measurementBytesPerHour or egress.deny there)',
  resourceExceeded: 'the concentrator has too many measurements of this client at a time',
  connectionReset:
    'the concentrator allows no more bytes for measurements now (limits.measurementBytesPerHour there)',
  uplinksLost: 'there was no session with the concentrator',
};

function tooFew(allowanceBytes: number, { maxBytes }: SpeedTestRequest): string {
  return allowanceBytes < maxBytes
    ? 'the concentrator allows no more bytes for measurements now: wait, or raise limits.measurementBytesPerHour there'
    : 'so few bytes show nothing: allow more with --max';
}

/** When all of them were at it, without the first half, in which TCP finds out how much it may send. */
function commonTime(loads: readonly (Load | undefined)[]) {
  const busy = loads.flatMap((load) =>
    load === undefined || load.samples.length === 0 ? [] : [load.samples],
  );
  const startMs = Math.max(...busy.map((samples) => samples[0]!.atMs));
  const toMs = Math.min(...busy.map((samples) => samples.at(-1)!.atMs));
  return { fromMs: startMs + (toMs - startMs) / 2, toMs };
}
