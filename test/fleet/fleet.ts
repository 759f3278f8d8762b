import { setImmediate as pause } from 'node:timers/promises';
import type { ConcentratorLimits } from '../../server-concentrator/config/concentrator-config.ts';
import { Random } from '../simulation/random.ts';
import { Balancer } from './balancer.ts';
import { FleetClient, type FleetUplink } from './fleet-client.ts';
import { Machine } from './machine.ts';
import { type Look, type Recovery, times } from './recovery.ts';
import type { FleetScenario } from './scenarios.ts';
import { VirtualTimers } from './virtual-timers.ts';

export interface FleetOptions {
  readonly clients: number;
  readonly machines: number;
  readonly cores: number;
  readonly handshakeMs: number;
  readonly handshakesPerSecond: number;
  /** Whether one address of each provider stands for all clients, as behind a translator (CGNAT). */
  readonly shareAddress: boolean;
  /** Whether the clients' back-off is drawn by chance. */
  readonly jitter: boolean;
  readonly seed: number;
  /** Of virtual time, after the fault, at most: it ends sooner when all clients are back, and have stayed. */
  readonly seconds: number;
}

/** The clients come one after the other in this time, and then all is quiet for a while. */
const ARRIVAL_MS = 8_000;
const QUIET_MS = 4_000;
const LOOK_MS = 100;
/** All is over when all clients have had all of their uplinks for so long. */
const STEADY_MS = 3_000;
const UPLINKS = 2;
/** One way, to the fleet. */
const DELAY_MS = { least: 8, most: 45 };

/** Runs one scenario in virtual time. @param onProgress virtual seconds, of how many @returns undefined where it was interrupted */
export async function runFleet(
  options: FleetOptions,
  scenario: FleetScenario,
  onProgress: (second: number, of: number) => void = () => {},
  isInterrupted: () => boolean = () => false,
): Promise<Recovery | undefined> {
  const timers = new VirtualTimers();
  timers.install();
  try {
    return await new Fleet(options, timers).run(scenario, onProgress, isInterrupted);
  } finally {
    timers.uninstall();
    await pause();
  }
}

class Fleet {
  readonly #options: FleetOptions;
  readonly #timers: VirtualTimers;
  readonly #machines: readonly Machine[];
  readonly #balancer: Balancer;
  readonly #clients: readonly FleetClient[];
  readonly #begunAt: Map<Machine, number>;
  #counts = { begun: 0, admitted: 0, failed: 0 };
  #peakPerMachine = 0;

  constructor(options: FleetOptions, timers: VirtualTimers) {
    this.#options = options;
    this.#timers = timers;
    const { clock } = timers;
    const random = new Random(options.seed);
    const key = new Uint8Array(32).fill(7);
    const limits = limitsOf(options);
    this.#machines = Array.from({ length: options.machines }, (_, i): Machine => {
      const { cores, handshakeMs } = options;
      const onHandshake = (what: 'begun' | 'hello' | 'join' | 'failed') => this.#count(i, what);
      return new Machine({
        name: `c${i + 1}.fleet.example`,
        clock,
        cores,
        handshakeMs,
        limits,
        key,
        onHandshake,
      });
    });
    this.#begunAt = new Map(this.#machines.map((machine) => [machine, 0]));
    this.#balancer = new Balancer(clock, random.fork(), this.#machines);
    this.#clients = Array.from({ length: options.clients }, (_, i) => {
      const jitter = random.fork();
      return new FleetClient({
        id: `client-${i}`,
        key,
        uplinks: uplinksOf(options.shareAddress ? 0 : i, random),
        clock,
        balancer: this.#balancer,
        random: options.jitter ? () => jitter.next() : () => 0.5,
      });
    });
  }

  async run(
    scenario: FleetScenario,
    onProgress: (second: number, of: number) => void,
    isInterrupted: () => boolean,
  ): Promise<Recovery | undefined> {
    const { clock } = this.#timers;
    const { clients, seconds } = this.#options;
    this.#clients.forEach((client, i) => {
      clock.at((i / clients) * ARRIVAL_MS, () => client.start());
    });
    const faultMs = ARRIVAL_MS + QUIET_MS;
    const endMs = faultMs + seconds * 1_000;
    const runTo = async (untilMs: number) => {
      while (clock.nowMs < untilMs && !isInterrupted()) {
        await this.#timers.runUntil(Math.min(untilMs, clock.nowMs + 1_000));
        onProgress(Math.round(clock.nowMs / 1_000), Math.round(endMs / 1_000));
      }
    };
    await runTo(faultMs);
    if (isInterrupted()) return undefined;
    const servedBefore = this.#served();
    if (servedBefore < clients)
      throw new Error(`only ${servedBefore} of ${clients} clients were up before the fault`);
    const affected = new Set<FleetClient>();
    const looks: Look[] = [];
    this.#forgetCounts();
    scenario.fault(this.#machines.slice(0, scenario.machines), this.#balancer, (ms, work) =>
      clock.after(ms, work),
    );
    let wholeSinceMs = Number.POSITIVE_INFINITY;
    while (clock.nowMs < endMs && clock.nowMs < wholeSinceMs + STEADY_MS && !isInterrupted()) {
      looks.push(this.#look(clock.nowMs - faultMs, affected));
      if (affected.size === 0 || !this.#isWhole(looks.at(-1)!)) wholeSinceMs = Number.POSITIVE_INFINITY;
      else wholeSinceMs = Math.min(wholeSinceMs, clock.nowMs);
      await runTo(Math.min(endMs, clock.nowMs + LOOK_MS));
    }
    if (isInterrupted()) return undefined;
    looks.push(this.#look(clock.nowMs - faultMs, affected));
    const counts = this.#machines.filter(({ isUp }) => isUp).map(({ sessionCount }) => sessionCount);
    const sum = (of: (look: Look) => number) => looks.reduce((total, look) => total + of(look), 0);
    return {
      scenario: scenario.name,
      jitter: this.#options.jitter,
      clients,
      affected: affected.size,
      ...times(looks, clients, affected.size),
      wholeMs: Number.isFinite(wholeSinceMs) ? wholeSinceMs - faultMs : undefined,
      peakPerSecond: Math.max(...looks.map(({ begun }) => begun)) * (1_000 / LOOK_MS),
      peakPerMachine: this.#peakPerMachine * (1_000 / LOOK_MS),
      handshakes: sum(({ admitted }) => admitted),
      failedHandshakes: sum(({ failed }) => failed),
      longestWaitMs: Math.max(...this.#machines.map(({ processor }) => processor.longestWaitMs)),
      mostSessions: Math.max(...counts),
      leastSessions: Math.min(...counts),
      looks,
    };
  }

  #served(): number {
    return this.#clients.filter(({ isServed }) => isServed).length;
  }

  #isWhole({ served }: Look): boolean {
    return served === this.#clients.length && this.#clients.every(({ isWhole }) => isWhole);
  }

  #look(atMs: number, affected: Set<FleetClient>): Look {
    let served = 0;
    for (const client of this.#clients) {
      if (client.isServed) served++;
      else affected.add(client);
    }
    const look = { atMs, served, ...this.#counts };
    this.#peakPerMachine = Math.max(this.#peakPerMachine, ...this.#begunAt.values());
    this.#forgetCounts();
    return look;
  }

  #forgetCounts(): void {
    this.#counts = { begun: 0, admitted: 0, failed: 0 };
    for (const machine of this.#machines) this.#begunAt.set(machine, 0);
  }

  #count(machineIndex: number, what: 'begun' | 'hello' | 'join' | 'failed'): void {
    if (what === 'failed') this.#counts.failed++;
    else if (what !== 'begun') this.#counts.admitted++;
    else {
      const machine = this.#machines[machineIndex]!;
      this.#counts.begun++;
      this.#begunAt.set(machine, this.#begunAt.get(machine)! + 1);
    }
  }
}

/** Each number has two addresses of its own: one at home, one of a mobile provider. */
function uplinksOf(client: number, random: Random): readonly FleetUplink[] {
  return Array.from({ length: UPLINKS }, (_, i) => ({
    name: `uplink${i + 1}`,
    address: `10.${i * 64 + (client >> 12)}.${(client >> 4) & 0xff}.${(client & 0xf) + 1}`,
    delayMs: random.between(DELAY_MS.least, DELAY_MS.most),
  }));
}

/** The defaults of the concentrator, with room for all clients. */
export function limitsOf({
  clients,
  handshakesPerSecond,
}: Pick<FleetOptions, 'clients' | 'handshakesPerSecond'>): ConcentratorLimits {
  return {
    sessions: clients * 2,
    sessionsPerClient: 8,
    streamsPerSession: 1_024,
    subflowsPerSession: 32,
    opensPerSecond: 200,
    dialsPerClient: 256,
    namesPerClient: 64,
    joinsPerSecond: 16,
    publishPerClient: 64,
    bindsPerClient: 16,
    visitorsPerClient: 1_024,
    visitorsPerSecond: 200,
    measurementBytesPerHour: 0,
    memoryPerSessionBytes: 64 * 2 ** 20,
    memoryPerClientBytes: 512 * 2 ** 20,
    memoryTotalBytes: 8 * 2 ** 30,
    handshakesPerSecond,
    handshakeTimeoutMs: 10_000,
    streamIdleTimeoutMs: 600_000,
    drainTimeoutMs: 0,
  };
}
