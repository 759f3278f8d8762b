import { setTimeout as sleep } from 'node:timers/promises';
import { type Bed, createBed } from '../bed/bed.ts';
import { Crowd, Origin } from '../lab/agents.ts';
import type { TributarySetup } from '../lab/tributary-setup.ts';
import { Random } from '../simulation/random.ts';
import { drawConversations, stalledReaders } from './conversations.ts';
import { disturb } from './disturbance.ts';
import type { Fault, PlayedFault } from './fault.ts';
import type { Stage } from './fault-kinds.ts';
import { type Lateness, watchMachine } from './machine-watch.ts';
import { CLIENT, CONCENTRATOR, PORTS, UPLINKS } from './network.ts';
import { type Holdings, ProgramPair, type Role } from './program-pair.ts';
import { drawSchedule, excusesOf } from './schedule.ts';
import { Traffic } from './traffic.ts';
import { judge, type Result } from './verdict.ts';

/** What came of one seed, as the JSON has it. */
export interface Outcome {
  readonly seed: number;
  readonly minutes: number;
  readonly schedule: readonly Fault[];
  /** Why the seed has failed; none: it has not. */
  readonly findings: readonly string[];
  /** Whether bytes were lost, a program ended, or it told of an error of its own. */
  readonly isCertain: boolean;
  readonly lateness: Lateness;
  readonly results: Readonly<Record<Result, number>>;
  /** Left out because too many were open. */
  readonly skipped: number;
  readonly bytes: number;
  readonly before: Readonly<Record<Role, Holdings>>;
  readonly after: Readonly<Record<Role, Holdings>>;
  /** Of the programs, kept for a failure. */
  readonly output: Readonly<Record<Role, string>>;
}

/** Traffic without faults at first, so that pools have their size when the base line is taken. */
const WARM_UP_MS = 8_000;
/** When all is well again, none of the conversations under way may end for this long. A busy machine may need much longer for all. */
const FINISH_MS = 120_000;
/** Sessions without subflows linger for a minute, and closed sockets of a path that was lost a little longer. */
const SETTLE_MS = 150_000;
const LOOK_EVERY_MS = 2_000;
const SAY_EVERY_MS = 10_000;
/** Code of what only faults call: some 4 MiB until all is compiled. A leak of 1 KB for each conversation shows in 45 minutes. */
const HEAP_SLACK_BYTES = 8 << 20;
/** What the pools keep free at most (block-pool.ts 8 MiB, receive-pool.ts 4 MiB), whatever they kept after the warm-up, and 1 MiB. */
const BUFFER_SLACK_BYTES = 13 << 20;
/** A subflow that is being replaced, a timer. */
const COUNT_SLACK = 3;
const ROLES: readonly Role[] = ['client', 'concentrator'];
/** Keys of the traffic of the warm-up, of the run, and of the readers that stall. */
const FIRST_KEYS = { warmUp: 1, run: 10_000, stalled: 500_000 };

/** Runs one seed, and tells lines of progress. */
export class ChaosRun {
  readonly #seed: number;
  readonly #minutes: number;
  readonly #say: (line: string) => void;
  #bed: Bed | undefined;
  #isStopped = false;

  constructor(seed: number, minutes: number, say: (line: string) => void) {
    this.#seed = seed;
    this.#minutes = minutes;
    this.#say = say;
  }

  /** Ends it at once; `run` then rejects. */
  stop(): void {
    this.#isStopped = true;
    void this.#bed?.close();
  }

  /** Rejects when the machine cannot do it, or when it was stopped. */
  async run(setup: TributarySetup): Promise<Outcome> {
    const bed = await createBed({ uplinks: UPLINKS, congestionControl: 'bbr', seed: this.#seed });
    this.#bed = bed;
    let programs: ProgramPair | undefined;
    try {
      if (this.#isStopped) throw new Error('stopped');
      const { v4 } = bed.origin.address;
      const origins: Origin[] = [];
      for (const port of Object.values(PORTS)) origins.push(await Origin.start(bed.origin, v4, port));
      programs = await ProgramPair.start(bed, await setup.configured(CLIENT, CONCENTRATOR));
      const traffic = new Traffic(await Crowd.start(bed.client), origins, v4);
      return await this.#play(bed, programs, traffic);
    } finally {
      await programs?.stop();
      await bed.close();
    }
  }

  async #play(bed: Bed, programs: ProgramPair, traffic: Traffic): Promise<Outcome> {
    const random = new Random(this.#seed);
    const lengthMs = this.#minutes * 60_000;
    const schedule = drawSchedule(random.fork(), lengthMs);
    const conversations = drawConversations(random.fork(), lengthMs, FIRST_KEYS.run);
    const before = await this.#warmUp(programs, traffic);
    const machine = watchMachine();
    traffic.begin();
    traffic.plan(conversations);
    const disturbed = await this.#disturb(stageOf(bed, programs, traffic), schedule, traffic, lengthMs);
    await this.#finish(traffic);
    const sessionsAtMs = programs.sessionsAtMs.map((ms) => traffic.at(ms));
    const played = disturbed.map((fault) => {
      const newSessionAtMs = sessionsAtMs.find((ms) => ms >= fault.atMs);
      return { ...fault, ...(newSessionAtMs === undefined ? {} : { newSessionAtMs }) };
    });
    const { results, bytes, findings, hasLoss } = this.#judge(traffic, played);
    const after = await this.#settle(programs, before);
    const lateness = machine.end();
    return {
      ...{ seed: this.#seed, minutes: this.#minutes, schedule, results, bytes, before, after },
      skipped: traffic.skipped,
      findings: [...findings, ...programs.complaints, ...leaks(before, after)],
      isCertain: hasLoss || programs.complaints.length > 0,
      lateness,
      output: programs.output,
    };
  }

  async #warmUp(programs: ProgramPair, traffic: Traffic): Promise<Record<Role, Holdings>> {
    traffic.begin();
    const shorter = drawConversations(new Random(0), WARM_UP_MS, FIRST_KEYS.warmUp);
    traffic.plan(shorter.filter(({ what }) => what !== 'long idle'));
    await sleep(WARM_UP_MS);
    await this.#finish(traffic);
    const { findings } = this.#judge(traffic, []);
    if (findings.length > 0) throw new Error(`without any fault: ${findings.join('; ')}`);
    traffic.accounts.clear();
    return holdings(programs);
  }

  /** Plays the schedule, to its end. */
  async #disturb(
    stage: Stage,
    schedule: readonly Fault[],
    traffic: Traffic,
    lengthMs: number,
  ): Promise<PlayedFault[]> {
    const timer = setInterval(() => this.#say(this.#progress(traffic)), SAY_EVERY_MS);
    try {
      const played = await disturb(stage, schedule, () => traffic.nowMs, this.#say);
      await sleep(Math.max(0, lengthMs - traffic.nowMs));
      return played;
    } finally {
      clearInterval(timer);
    }
  }

  /** Waits for conversations to end, as long as they do. */
  async #finish(traffic: Traffic): Promise<void> {
    let limitMs = traffic.nowMs + FINISH_MS;
    for (let openCount = traffic.openCount; openCount > 0 && traffic.nowMs < limitMs; ) {
      await sleep(LOOK_EVERY_MS / 10);
      if (traffic.openCount < openCount) limitMs = traffic.nowMs + FINISH_MS;
      openCount = traffic.openCount;
    }
    traffic.stop();
  }

  #judge(traffic: Traffic, played: readonly PlayedFault[]) {
    const excuses = excusesOf(played);
    const results: Record<Result, number> = { exact: 0, broken: 0, defect: 0 };
    const findings: string[] = [];
    let [bytes, hasLoss] = [0, false];
    for (const account of traffic.accounts.values()) {
      const {
        result,
        reason,
        isLoss = false,
      } = judge(account, excuses, (ms) => traffic.at(ms), traffic.nowMs);
      results[result]++;
      hasLoss ||= isLoss;
      bytes += account.client?.receivedBytes ?? 0;
      for (const { receivedBytes } of account.origin) bytes += receivedBytes;
      const { conversation, beganAtMs } = account;
      const { what, port, talk } = conversation;
      const began = `${(beganAtMs / 1000).toFixed(1)} s`;
      const end = account.client ? `${(traffic.at(account.client.endedAtMs) / 1000).toFixed(1)} s` : 'never';
      if (result === 'defect')
        findings.push(`${what} ${talk.key} to port ${port}, from ${began} to ${end}: ${reason}`);
    }
    return { results, findings, bytes, hasLoss };
  }

  /** Waits until the programs hold no more than before, or long enough. */
  async #settle(
    programs: ProgramPair,
    before: Readonly<Record<Role, Holdings>>,
  ): Promise<Record<Role, Holdings>> {
    const limitMs = performance.now() + SETTLE_MS;
    for (;;) {
      const after = await holdings(programs);
      if (leaks(before, after).length === 0 || performance.now() > limitMs) return after;
      await sleep(LOOK_EVERY_MS);
    }
  }

  #progress(traffic: Traffic): string {
    const now = (traffic.nowMs / 1000).toFixed(0);
    const ended = [...traffic.accounts.values()].filter(({ client }) => client !== undefined);
    const failed = ended.filter(({ client }) => client?.error !== undefined);
    return `seed ${this.#seed}, ${now} s: ${traffic.openCount} open, ${ended.length} ended, ${failed.length} of them with an error`;
  }
}

function stageOf(bed: Bed, programs: ProgramPair, traffic: Traffic): Stage {
  let stalledKey = FIRST_KEYS.stalled;
  return {
    bed,
    signal: (role, signal) => programs.signal(role, signal),
    killConcentrator: () => programs.killConcentrator(),
    startConcentrator: () => programs.startConcentrator(),
    setClock: (role, seconds) => programs.setClock(role, seconds),
    beginStalledReaders(count, stallMs) {
      traffic.plan(stalledReaders(count, stallMs, traffic.nowMs, stalledKey));
      stalledKey += count;
    },
  };
}

async function holdings(programs: ProgramPair): Promise<Record<Role, Holdings>> {
  return {
    client: await programs.holdings('client'),
    concentrator: await programs.holdings('concentrator'),
  };
}

/** What is held beyond what was held before. */
function leaks(before: Readonly<Record<Role, Holdings>>, after: Readonly<Record<Role, Holdings>>): string[] {
  return ROLES.flatMap((role) => {
    const [was, is] = [before[role], after[role]];
    const found = [];
    if (!(is.streams === 0)) found.push(`${is.streams} streams`);
    if (!(is.descriptors <= was.descriptors + COUNT_SLACK))
      found.push(`${is.descriptors} descriptors, ${was.descriptors} before`);
    if (!(is.handles <= was.handles + COUNT_SLACK))
      found.push(`${is.handles} handles, ${was.handles} before`);
    if (!(is.heapBytes <= was.heapBytes + HEAP_SLACK_BYTES))
      found.push(`${mib(is.heapBytes)} MiB of heap, ${mib(was.heapBytes)} before`);
    if (!(is.bufferBytes <= was.bufferBytes + BUFFER_SLACK_BYTES))
      found.push(`${mib(is.bufferBytes)} MiB of buffers, ${mib(was.bufferBytes)} before`);
    return found.map((what) => `in the end the ${role} still holds ${what}`);
  });
}

function mib(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}
