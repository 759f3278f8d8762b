import { type StatusClocks, timeText } from '../../shared/runtime/observe/subflow-report.ts';
import type { PublishedServiceReport } from '../publish/publisher.ts';
import type { Concentrators } from './concentrators.ts';
import { isDraining, type Member } from './member.ts';

/**
 * `established`: heard; `silent`: with subflows, and not heard; `lingering`: without a subflow, and waiting for one; `draining`: it is about to
 * stop, and takes nothing new; `connecting`: without a session.
 */
export const CONCENTRATOR_STATES = ['established', 'silent', 'lingering', 'draining', 'connecting'] as const;
export type ConcentratorState = (typeof CONCENTRATOR_STATES)[number];

/** One concentrator, for the status. */
export interface ConcentratorReport {
  readonly name: string;
  readonly state: ConcentratorState;
  /** New connections go there, unless a rule says otherwise. */
  readonly chosen: boolean;
  /** It is only kept ready, by a subflow over one uplink. */
  readonly standing: boolean;
  /** Of its session. */
  readonly since: string | null;
  /** More than one while earlier ones live until their streams are done. */
  readonly sessions: number;
  readonly streams: number;
  /** Of datagrams. */
  readonly flows: number;
  /** The lowest of its uplinks, without queues; null while nothing is measured. */
  readonly roundTripMs: number | null;
  /** Of that uplink, 0 to 1. */
  readonly lossRatio: number | null;
  /** Why it is chosen, or is not, for a person; empty where there is a single one. */
  readonly reason: string;
}

/** A published service, and where. */
export interface ConcentratorService extends PublishedServiceReport {
  readonly concentrator: string;
}

/** The concentrators, as far as they are told of. */
export type ReportedConcentrators = Pick<Concentrators, 'members' | 'chosen' | 'whyOf' | 'flowCountOf'>;

export function reportConcentrators(
  concentrators: ReportedConcentrators,
  clocks: StatusClocks,
): readonly ConcentratorReport[] {
  const { members, chosen } = concentrators;
  return members.map((member) => {
    const { keeper } = member.it;
    const { current } = keeper;
    const way = measuredWay(member);
    return {
      name: member.name,
      state: stateOf(member),
      chosen: member.it === chosen,
      standing: member.isStanding,
      since: current === undefined ? null : timeText(current.startedMs, clocks),
      sessions: keeper.drivers.length,
      streams: streamCountOf(member),
      flows: concentrators.flowCountOf(member),
      roundTripMs: way === undefined ? null : Math.round(way.roundTripMs * 10) / 10,
      lossRatio: way?.lossShare ?? null,
      reason: concentrators.whyOf(member),
    };
  });
}

/** Sessions that take nothing new: those before the current one of each concentrator, and all of one that was taken out. */
export function drainingCount({ members, drivers }: Pick<Concentrators, 'members' | 'drivers'>): number {
  const current = new Set(members.map(({ it }) => it.keeper.current));
  return drivers.filter((driver) => !current.has(driver)).length;
}

/** What all of them publish. */
export function publishedBy({ members }: Pick<Concentrators, 'members'>): readonly ConcentratorService[] {
  return members.flatMap((member) =>
    member.it.publisher.all.map((service) => ({ ...service, concentrator: member.name })),
  );
}

export function stateOf({ it: { keeper } }: Member): ConcentratorState {
  const { current } = keeper;
  if (current === undefined) return isDraining(keeper) ? 'draining' : 'connecting';
  if (!current.hasSubflow) return 'lingering';
  return keeper.isReachable ? 'established' : 'silent';
}

/** The streams that are open there. */
export function streamCountOf({ it }: Member): number {
  return it.keeper.drivers.reduce((sum, { streamCount }) => sum + streamCount, 0);
}

/** Its best way, as it is now. */
export function measuredWay(member: Member) {
  const ways = [...member.measured.ways.values()];
  return ways.sort((one, other) => one.roundTripMs - other.roundTripMs)[0];
}
