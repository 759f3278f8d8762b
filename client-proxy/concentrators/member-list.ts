import type { Destination } from '../../shared/protocol/destination.ts';
import type { SessionDriver } from '../../shared/runtime/session/session-driver.ts';
import type { ConfiguredConcentrator } from '../config/client-config.ts';
import type { ConcentratorWish } from '../steering/steering-rule.ts';
import type { Member } from './member.ts';

/** What another configuration has made of the members. */
interface MemberChanges {
  /** Taken out. */
  readonly left: readonly Member[];
  /** Names of those that are called otherwise now, by those that they had before. */
  readonly renamed: ReadonlyMap<string, string>;
}

/** The concentrators of the configuration, and those that were taken out of it and have streams yet. */
export class MemberList {
  /** In the order of preference. */
  #members: readonly Member[] = [];
  readonly #leaving = new Set<Member>();

  /** In the order of preference, without those that leave. */
  get members(): readonly Member[] {
    return this.#members;
  }

  get all(): readonly Member[] {
    return [...this.#members, ...this.#leaving];
  }

  /** Where they all are, as configured. */
  get addresses(): readonly Destination[] {
    return this.#members.flatMap(({ it }) => it.configured.concentrator.addresses);
  }

  named(name: string | undefined): Member | undefined {
    return this.#members.find((member) => member.name === name);
  }

  has(member: Member): boolean {
    return this.#members.includes(member);
  }

  /** By session, the name of its concentrator. */
  get namesOfSessions(): ReadonlyMap<object, string> {
    return new Map(this.all.flatMap(({ name, it }) => it.keeper.drivers.map((driver) => [driver, name])));
  }

  /** Of all of them, those of this one first. */
  driversFrom(first: Member | undefined): readonly SessionDriver[] {
    const others = this.all.filter((member) => member !== first);
    return [...(first === undefined ? [] : [first]), ...others].flatMap(({ it }) => it.keeper.drivers);
  }

  /** The concentrator for a stream; where none is ready, the one to wait for. */
  pick(
    chosen: Member | undefined,
    wish: ConcentratorWish | undefined,
    refusedBy: SessionDriver | undefined,
  ): Member | undefined {
    const wished = wish && this.named(wish.name);
    if (wish?.isOnly === true) return wished;
    const isReady = ({ view, it: { keeper } }: Member) =>
      view.isReachable && !keeper.isFull && (refusedBy === undefined || keeper.current !== refusedBy);
    const inOrder = [wished, chosen, ...this.#members].filter((one) => one !== undefined);
    return inOrder.find(isReady) ?? wished ?? chosen;
  }

  /** See `Concentrators.sessions`. */
  sessions(chosen: Member | undefined, name: string | undefined): readonly SessionDriver[] {
    const isHeard = ({ view }: Member) => this.#members.length < 2 || view.isReachable;
    const inOrder = [chosen, ...this.#members.filter(isHeard), ...this.#members];
    const meant =
      name === undefined ? inOrder : this.#members.filter((one) => one.name === name && isHeard(one));
    return [...new Set(meant)].flatMap((one) => one?.it.keeper.drivers ?? []);
  }

  /**
   * These from now on. One with the same addresses and client as before keeps its sessions, under another name, too. Those that are taken
   * out are among those that leave until `forget`.
   */
  configure(
    all: readonly ConfiguredConcentrator[],
    make: (one: ConfiguredConcentrator) => Member,
  ): MemberChanges {
    const before = new Set(this.#members);
    const renamed = new Map<string, string>();
    const take = (configured: ConfiguredConcentrator, isMeant: (member: Member) => boolean) => {
      const member = [...before].find((one) => isMeant(one) && one.it.secrets.isOf(configured));
      if (member === undefined) return undefined;
      before.delete(member);
      if (member.name !== configured.name) renamed.set(member.name, configured.name);
      return member;
    };
    const byName = all.map((one) => take(one, ({ name }) => name === one.name));
    const known = all.map((one, index) => byName[index] ?? take(one, () => true));
    this.#members = all.map((configured, index) => {
      const member = known[index];
      if (member === undefined) return make(configured);
      member.replace(configured);
      return member;
    });
    for (const member of before) this.#leaving.add(member);
    return { left: [...before], renamed };
  }

  /** One that leaves has nothing open any more. */
  forget(member: Member): void {
    this.#leaving.delete(member);
  }
}
