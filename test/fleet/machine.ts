import { pino } from 'pino';
import type { ConcentratorLimits } from '../../server-concentrator/config/concentrator-config.ts';
import { ClientLogs } from '../../server-concentrator/limits/client-logs.ts';
import { joinRate, TokenBuckets } from '../../server-concentrator/limits/token-buckets.ts';
import { MemoryLevels } from '../../server-concentrator/session/memory-levels.ts';
import { SessionRegistry } from '../../server-concentrator/session/session-registry.ts';
import { SubflowAdmission } from '../../server-concentrator/session/subflow-admission.ts';
import { UsageMeters } from '../../server-concentrator/usage/usage-meters.ts';
import { DEFAULT_TUNING } from '../../shared/protocol/session/core-tuning.ts';
import { DelayRecord } from '../../shared/protocol/stream/stream-delays.ts';
import { FairPlaces, type Visitor } from '../../shared/runtime/admission/fair-places.ts';
import { ProvenSources } from '../../shared/runtime/admission/proven-sources.ts';
import { sourceOf } from '../../shared/runtime/admission/source.ts';
import { TlsTurns } from '../../shared/runtime/admission/tls-turns.ts';
import { TrafficTable } from '../../shared/runtime/session/uplink-traffic.ts';
import type { VirtualClock } from '../simulation/clock.ts';
import { NO_ALLOWANCES } from '../support/no-allowances.ts';
import { Processor } from './processor.ts';
import type { Wire } from './wire.ts';

export interface MachineOptions {
  /** Also of its JOINs. */
  readonly name: string;
  readonly clock: VirtualClock;
  readonly cores: number;
  /** Processor time of a TLS handshake with HELLO or JOIN behind it. */
  readonly handshakeMs: number;
  readonly limits: ConcentratorLimits;
  /** The key of all clients: who they are is no question here. */
  readonly key: Uint8Array;
  /** A handshake has come this far. */
  onHandshake(what: 'begun' | 'hello' | 'join' | 'failed'): void;
}

/** Connections that wait for their turn to begin TLS, and that are in TLS: as the concentrator's HandshakeGate has them. */
const PLACES = 512;
const LINGER_MS = 60_000;

interface Guest {
  readonly wire: Wire;
  readonly visitor: Visitor;
  readonly sinceMs: number;
  readonly secured: () => void;
}

/** A concentrator of the fleet: its own admission, turns and sessions, without sockets, TLS and origins. */
export class Machine {
  readonly name: string;
  readonly processor: Processor;
  readonly #options: MachineOptions;
  readonly #wires = new Set<Wire>();
  #turns: TlsTurns<Guest>;
  #line: FairPlaces<Guest>;
  #tls: FairPlaces<Guest>;
  #sessions: SessionRegistry;
  #admission: SubflowAdmission;
  #proven: ProvenSources;
  #life = 0;
  isUp = true;
  /** Its program does not run, but its kernel does, and refuses connections. */
  refuses = false;

  constructor(options: MachineOptions) {
    this.name = options.name;
    this.#options = options;
    this.processor = new Processor(options.clock, options.cores);
    ({ turns: this.#turns, line: this.#line, tls: this.#tls } = this.#gate());
    ({ sessions: this.#sessions, admission: this.#admission, proven: this.#proven } = this.#program());
  }

  get sessionCount(): number {
    return this.#sessions.drivers.length;
  }

  get wireCount(): number {
    return this.#wires.size;
  }

  /** A connection with the first bytes of TLS; `secured` when the machine's part of that handshake is done. */
  arrive(wire: Wire, secured: () => void): void {
    const { clock } = this.#options;
    if (!this.isUp) return;
    this.#wires.add(wire);
    const source = sourceOf(wire.machine.remoteAddress);
    const visitor = { source, isProven: this.#proven.has(source) };
    const guest: Guest = { wire, visitor, sinceMs: clock.nowMs, secured };
    this.#options.onHandshake('begun');
    if (this.#turns.request(guest, visitor)) this.#secure(guest);
    else this.#enter(this.#line, guest);
  }

  forget(wire: Wire): void {
    this.#wires.delete(wire);
  }

  /** The power fails. Nothing tells anybody. */
  losePower(): readonly Wire[] {
    return this.#stop((wire) => wire.losePower());
  }

  /** The program is killed: the kernel closes its connections. */
  kill(): void {
    this.#stop((wire) => wire.machine.destroy());
    this.refuses = true;
  }

  /** A new program, which knows of no session. */
  start(): void {
    this.isUp = true;
    this.refuses = false;
    ({ turns: this.#turns, line: this.#line, tls: this.#tls } = this.#gate());
    ({ sessions: this.#sessions, admission: this.#admission, proven: this.#proven } = this.#program());
  }

  #stop(end: (wire: Wire) => void): readonly Wire[] {
    this.isUp = false;
    this.#life++;
    this.#turns.close();
    const wires = [...this.#wires];
    this.#wires.clear();
    for (const wire of wires) end(wire);
    return wires;
  }

  #gate() {
    const { clock, limits } = this.#options;
    const places = { clock: () => clock.nowMs, total: PLACES };
    return {
      turns: new TlsTurns<Guest>({
        clock: () => clock.nowMs,
        perSecond: limits.handshakesPerSecond,
        onTurn: (guest) => this.#secure(guest),
      }),
      line: new FairPlaces<Guest>(places),
      tls: new FairPlaces<Guest>(places),
    };
  }

  #program() {
    const { limits, key, name: joinName } = this.#options;
    const clock = () => this.#options.clock.nowMs;
    const logger = pino({ enabled: false });
    const sessions = new SessionRegistry({
      limits,
      joinName,
      memory: new MemoryLevels(limits),
      lingerMs: LINGER_MS,
      tuning: DEFAULT_TUNING,
      // Nobody opens a stream.
      dialer: undefined as never,
      clock,
      logs: new ClientLogs(logger, clock),
      joins: new TokenBuckets(joinRate(limits.joinsPerSecond), clock),
      limitHits: { note() {} },
      usage: new UsageMeters(1),
      allowances: NO_ALLOWANCES,
      traffic: new TrafficTable(2),
      published: { request() {}, withdraw() {}, onSessionEnded() {} },
      stallTimeoutMs: LINGER_MS,
      delays: new DelayRecord(),
      onStreamRequested() {},
      onOpened() {},
      onSessionEnded() {},
    });
    const proven = new ProvenSources(clock);
    const admission = new SubflowAdmission({
      keysOf: () => [key],
      whyNot: () => undefined,
      sessions,
      measure: () => 'measurement',
      proven,
      onResult: (result) =>
        this.#options.onHandshake(result === 'hello' || result === 'join' ? result : 'failed'),
      onCrowded() {},
      clock,
      logger,
    });
    return { sessions, proven, admission };
  }

  #enter(places: FairPlaces<Guest>, guest: Guest): boolean {
    const leaving = places.enter(guest, guest.visitor);
    if (leaving !== undefined) this.#reject(leaving);
    return leaving !== guest;
  }

  #reject(guest: Guest): void {
    this.#line.leave(guest);
    this.#tls.leave(guest);
    this.#turns.leave(guest);
    this.#options.onHandshake('failed');
    guest.wire.machine.destroy();
  }

  #secure(guest: Guest): void {
    this.#line.leave(guest);
    if (!guest.wire.machine.isOpen || !this.#enter(this.#tls, guest)) return;
    const life = this.#life;
    this.processor.work(this.#options.handshakeMs, () => {
      if (life !== this.#life) return;
      this.#tls.leave(guest);
      const { clock, limits } = this.#options;
      const leftMs = limits.handshakeTimeoutMs - (clock.nowMs - guest.sinceMs);
      if (leftMs <= 0) this.#reject(guest);
      if (!guest.wire.machine.isOpen) return;
      void this.#admission.admit(guest.wire.machine, leftMs);
      guest.secured();
    });
  }
}
