import type { Direction, DirectionSettings, DirectionStats, Emulator } from './emulator.ts';
import type { AddressPair, Namespace } from './namespace.ts';

/** A link: the settings of both directions, with exceptions for one. */
export interface UplinkSpec {
  /** Name of the interface in both namespaces. */
  name: string;
  rateMbps: number;
  /** Both propagation delays together. */
  rttMs: number;
  /** Drop-tail queue of each direction, in time at its rate. */
  queueMs: number;
  lossPercent?: number;
  jitterMs?: number;
  reorder?: boolean;
  mtu?: number;
  up?: Partial<DirectionSettings>;
  down?: Partial<DirectionSettings>;
}

/** A change to a live link; what is not named stays. */
export interface UplinkChange extends Partial<Omit<DirectionSettings, 'delayMs'>> {
  rttMs?: number;
  up?: Partial<DirectionSettings>;
  down?: Partial<DirectionSettings>;
}

const DIRECTIONS: readonly Direction[] = ['up', 'down'];
const DEFAULT_MTU = 1500;

/** An access link of the client: an interface in its namespace, another in the concentrator's, the emulator between. */
export class Uplink {
  /** Name of the interface in both namespaces. */
  readonly name: string;
  /** Its settings at the start; {@link restore} goes back to them. */
  readonly spec: UplinkSpec;
  readonly #emulator: Emulator;
  readonly #namespaces: { client: Namespace; concentrator: Namespace };
  /** 1 to 16; part of addresses, tables and rules. */
  readonly #number: number;
  #link = -1;
  #settings: Record<Direction, DirectionSettings>;
  #queueBytes: Record<Direction, number>;
  #host = 2;
  #isUp = false;

  constructor(
    spec: UplinkSpec,
    number: number,
    emulator: Emulator,
    namespaces: { client: Namespace; concentrator: Namespace },
  ) {
    this.name = spec.name;
    this.spec = spec;
    this.#number = number;
    this.#emulator = emulator;
    this.#namespaces = namespaces;
    this.#settings = initialSettings(spec);
    this.#queueBytes = { up: queueBytes(this.#settings.up), down: queueBytes(this.#settings.down) };
  }

  /** The client's addresses on this uplink, as they are now. */
  get client(): AddressPair {
    return subnet(this.#number, this.#host);
  }

  /** The concentrator's addresses on this uplink only; its public ones are reachable over every uplink. */
  get concentrator(): AddressPair {
    return subnet(this.#number, 1);
  }

  /** The current settings. */
  get settings(): Readonly<Record<Direction, DirectionSettings>> {
    return this.#settings;
  }

  /** Makes the interfaces and their addresses; once, by the bed. */
  async create(): Promise<void> {
    const { client, concentrator } = this.#namespaces;
    this.#link = await this.#emulator.link(this.name, client.name, concentrator.name);
    await this.#apply();
    const far = this.concentrator;
    await concentrator.ip(4, [this.#interfaceLine, `address add ${far.v4}/24 dev ${this.name}`]);
    await concentrator.ip(6, [`address add ${far.v6}/64 dev ${this.name} nodad`]);
    await this.up();
  }

  /** Changes what the link does to packets. A new rate or `queueMs` also makes the queue anew, in bytes. */
  async set(change: UplinkChange): Promise<void> {
    const { up, down, rttMs, ...both } = change;
    const delay = rttMs === undefined ? {} : { delayMs: rttMs / 2 };
    this.#settings = {
      up: { ...this.#settings.up, ...both, ...delay, ...up },
      down: { ...this.#settings.down, ...both, ...delay, ...down },
    };
    this.#queueBytes = { up: queueBytes(this.#settings.up), down: queueBytes(this.#settings.down) };
    await this.#apply();
  }

  /** The radio gets bad: another rate and round-trip time, but the queue keeps its bytes, for a modem's buffer does not shrink. */
  async collapse(to: { rateMbps: number; rttMs: number }): Promise<void> {
    for (const direction of DIRECTIONS) {
      const queueMs = (this.#queueBytes[direction] * 8) / (to.rateMbps * 1000);
      const values = { rateMbps: to.rateMbps, delayMs: to.rttMs / 2, queueMs };
      this.#settings[direction] = { ...this.#settings[direction], ...values };
    }
    await this.#apply();
  }

  /** Drops everything from now on, what is under way included; neither end is told. */
  async blackhole(direction: Direction | 'both' = 'both'): Promise<void> {
    for (const one of of(direction)) await this.#emulator.hole(this.#link, one, true);
  }

  /** Drops larger IP packets and tells nobody: a path MTU that the ends cannot discover. */
  async limitPackets(packetBytes: number): Promise<void> {
    for (const direction of DIRECTIONS) await this.#emulator.limit(this.#link, direction, packetBytes);
  }

  /** Another MTU at both ends, at once. */
  async setMtu(mtu: number): Promise<void> {
    const { client, concentrator } = this.#namespaces;
    for (const host of [client, concentrator]) await host.ip(4, [`link set dev ${this.name} mtu ${mtu}`]);
  }

  /** Sends nothing for that long, as a radio does at a handover; the queue fills and is then sent at the link's rate. */
  async pause(lengthMs: number, direction: Direction | 'both' = 'both'): Promise<void> {
    for (const one of of(direction)) await this.#emulator.pause(this.#link, one, lengthMs);
  }

  /** Pauses again and again, both ways at once, with gaps and lengths drawn evenly from these ranges. */
  async pauses(gapMs: [min: number, max: number], lengthMs: [min: number, max: number]): Promise<void> {
    await this.#emulator.pauses(this.#link, gapMs, lengthMs);
  }

  /** The same, but what comes during a pause is dropped, as by a radio that roams. */
  async holes(gapMs: [min: number, max: number], lengthMs: [min: number, max: number]): Promise<void> {
    await this.#emulator.holes(this.#link, gapMs, lengthMs);
  }

  /**
   * Ends black holes, limits of packets and repeated pauses, returns to the spec, sets the interface up. A pause under way runs
   * out.
   */
  async restore(): Promise<void> {
    await this.#emulator.pauses(this.#link, [0, 0], [0, 0]);
    await this.limitPackets(0);
    for (const direction of DIRECTIONS) await this.#emulator.hole(this.#link, direction, false);
    this.#settings = initialSettings(this.spec);
    this.#queueBytes = { up: queueBytes(this.#settings.up), down: queueBytes(this.#settings.down) };
    await this.#apply();
    await this.up();
    await this.setMtu(this.spec.mtu ?? DEFAULT_MTU);
  }

  /** Sets the client's interface down: its routes go, and packets for it vanish. */
  async down(): Promise<void> {
    this.#isUp = false;
    await this.#namespaces.client.ip(4, [`link set dev ${this.name} down`]);
  }

  /** Sets the client's interface up, with its addresses, routes and rules. */
  async up(): Promise<void> {
    if (this.#isUp) return;
    this.#isUp = true;
    await this.#clear();
    await this.#namespaces.client.ip(4, [this.#interfaceLine]);
    const far = this.concentrator;
    for (const [family, address, prefix, gateway] of [
      [4, this.client.v4, 24, far.v4],
      [6, this.client.v6, 64, far.v6],
    ] as const) {
      const table = 100 + this.#number;
      await this.#namespaces.client.ip(family, [
        `address add ${address}/${prefix} dev ${this.name}${family === 6 ? ' nodad' : ''}`,
        `route replace default via ${gateway} dev ${this.name} metric ${table}`,
        `route replace default via ${gateway} dev ${this.name} table ${table}`,
        `rule add from ${address} lookup ${table} priority ${this.#rulePriority}`,
      ]);
    }
    await this.#namespaces.client.routesChanged();
  }

  /** Gives the client other addresses on this uplink, at once or, if it is down, when it comes up. */
  async changeAddress(): Promise<AddressPair> {
    const wasUp = this.#isUp;
    await this.#clear();
    this.#host = this.#host === 250 ? 2 : this.#host + 1;
    this.#isUp = false;
    if (wasUp) await this.up();
    return this.client;
  }

  /** Counters of both directions since the bed was made. */
  async stats(): Promise<Record<Direction, DirectionStats>> {
    return {
      up: await this.#emulator.stats(this.#link, 'up'),
      down: await this.#emulator.stats(this.#link, 'down'),
    };
  }

  get #interfaceLine(): string {
    // The emulator is the bottleneck and has the queue; the device's own must never overflow.
    return `link set dev ${this.name} mtu ${this.spec.mtu ?? DEFAULT_MTU} txqueuelen 10000 up`;
  }

  get #rulePriority(): number {
    return 1000 + this.#number;
  }

  async #apply(): Promise<void> {
    for (const direction of DIRECTIONS)
      await this.#emulator.set(this.#link, direction, this.#settings[direction], this.#queueBytes[direction]);
  }

  /** Removes the client's addresses and rules of this uplink; routes go with the addresses. */
  async #clear(): Promise<void> {
    const lines = [`address flush dev ${this.name}`, `rule del priority ${this.#rulePriority}`];
    for (const family of [4, 6] as const) await this.#namespaces.client.ip(family, lines, true);
  }
}

/** Addresses of host `host` in subnet `number` of the bed. */
export function subnet(number: number, host: number): AddressPair {
  return { v4: `10.77.${number}.${host}`, v6: `fd77:0:0:${number.toString(16)}::${host.toString(16)}` };
}

function initialSettings(spec: UplinkSpec): Record<Direction, DirectionSettings> {
  const both = {
    rateMbps: spec.rateMbps,
    delayMs: spec.rttMs / 2,
    queueMs: spec.queueMs,
    lossPercent: spec.lossPercent ?? 0,
    jitterMs: spec.jitterMs ?? 0,
    reorder: spec.reorder ?? false,
  };
  return { up: { ...both, ...spec.up }, down: { ...both, ...spec.down } };
}

function queueBytes(settings: DirectionSettings): number {
  return Math.round((settings.queueMs * settings.rateMbps * 1000) / 8);
}

function of(direction: Direction | 'both'): readonly Direction[] {
  return direction === 'both' ? DIRECTIONS : [direction];
}
