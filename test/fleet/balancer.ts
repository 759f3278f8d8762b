import type { VirtualClock } from '../simulation/clock.ts';
import type { Random } from '../simulation/random.ts';
import type { Machine } from './machine.ts';
import type { Wire } from './wire.ts';

/** How soon a machine that is gone is noticed: `inter` and `fall` in deploy/haproxy/haproxy.cfg. */
export const CHECK_MS = 500;
export const FALL = 2;
export const RISE = 2;
/** `timeout check`: an answer that takes longer is none. */
export const CHECK_TIMEOUT_MS = 3_000;
/** `timeout connect`; then another machine is tried (`option redispatch`). */
const CONNECT_TIMEOUT_MS = 1_000;

/** A TCP load balancer that reads the server name of the ClientHello: a name of a machine leads there, any other to the least busy. */
export class Balancer {
  readonly #clock: VirtualClock;
  readonly #random: Random;
  readonly #machines: readonly Machine[];
  readonly #believedUp = new Set<Machine>();
  /** Checks in a row that say other than what is believed. */
  readonly #contrary = new Map<Machine, number>();
  readonly #pathOf = new Map<Machine, Set<Wire>>();
  isUp = true;

  constructor(clock: VirtualClock, random: Random, machines: readonly Machine[]) {
    this.#clock = clock;
    this.#random = random;
    this.#machines = machines;
    for (const machine of machines) {
      this.#believedUp.add(machine);
      this.#pathOf.set(machine, new Set());
      this.#clock.after(random.between(0, CHECK_MS), () => this.#check(machine));
    }
  }

  /**
   * Leads a connection to a machine: to the one of that name where there is one and it is up.
   * @returns by `reached`; undefined where there is none
   */
  lead(wire: Wire, name: string | undefined, reached: (machine: Machine | undefined) => void): void {
    const machine = this.#choose(name, undefined);
    if (machine === undefined || machine.isUp) {
      this.#keep(wire, machine);
      reached(machine);
      return;
    }
    // A machine without power answers nothing, the kernel of one without a program at once.
    this.#clock.after(machine.refuses ? 0 : CONNECT_TIMEOUT_MS, () => {
      const other = this.#choose(undefined, machine);
      this.#keep(wire, other);
      reached(other);
    });
  }

  /** Both ends have heard of its end. */
  forget(wire: Wire): void {
    for (const wires of this.#pathOf.values()) wires.delete(wire);
  }

  /** All connections end, and none is taken until `start`. */
  stop(): void {
    this.isUp = false;
    for (const wires of this.#pathOf.values()) {
      for (const wire of [...wires]) {
        wire.closeForClient();
        wire.machine.hearEnd();
      }
      wires.clear();
    }
  }

  start(): void {
    this.isUp = true;
  }

  #keep(wire: Wire, machine: Machine | undefined): void {
    if (machine !== undefined) this.#pathOf.get(machine)!.add(wire);
  }

  /** `leastconn`; among equals by chance. */
  #choose(name: string | undefined, without: Machine | undefined): Machine | undefined {
    const up = this.#machines.filter((machine) => this.#believedUp.has(machine) && machine !== without);
    const named = up.find((machine) => machine.name === name);
    if (named !== undefined || up.length === 0) return named;
    const count = (machine: Machine) => this.#pathOf.get(machine)!.size;
    const least = Math.min(...up.map(count));
    return this.#random.pick(up.filter((machine) => count(machine) === least));
  }

  /** Its answer has its turn behind the handshakes that are there. One that will come too late counts at once: in truth after its time. */
  #check(machine: Machine): void {
    const isBelievedUp = this.#believedUp.has(machine);
    const answers = machine.isUp && machine.processor.waitMs < CHECK_TIMEOUT_MS;
    const count = answers === isBelievedUp ? 0 : (this.#contrary.get(machine) ?? 0) + 1;
    this.#contrary.set(machine, count);
    if (isBelievedUp && count >= FALL) this.#markDown(machine);
    if (!isBelievedUp && count >= RISE) this.#believedUp.add(machine);
    this.#clock.after(CHECK_MS, () => this.#check(machine));
  }

  /** `on-marked-down shutdown-sessions`. */
  #markDown(machine: Machine): void {
    this.#believedUp.delete(machine);
    const wires = this.#pathOf.get(machine)!;
    for (const wire of [...wires]) {
      wire.closeForClient();
      wire.machine.hearEnd();
    }
    wires.clear();
  }
}
