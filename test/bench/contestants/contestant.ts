import type { Bed } from '../../bed/bed.ts';
import type { Route } from '../../lab/agent/job.ts';
import type { Watched } from '../../lab/agent/watch.ts';
import type { PairProcess } from '../../lab/tributary-pair.ts';
import type { Hosts } from '../plan.ts';
import type { Scenario } from '../scenarios.ts';

/** How applications of the client can reach the origin: what is compared. */
export interface Contestant {
  /** As `--contestants` and reports name it. */
  readonly name: string;
  /** The one uplink it uses, where it is only one. */
  readonly uplink?: string;
  start(bed: Bed): Promise<Running>;
}

/** A kind of contestants: one, or one for each uplink. */
export interface ContestantKind {
  readonly name: string;
  readonly title: string;
  /** Why it cannot run on this machine, with what to install; undefined when it can. */
  missing(): string | undefined;
  /** Those that make sense in a scenario on such hosts. */
  of(scenario: Scenario, hosts: Hosts): readonly Contestant[];
}

/** A contestant at work in a bed. */
export interface Running {
  readonly route: Route;
  /** Programs whose CPU time and memory count. */
  readonly processes: readonly PairProcess[];
  /** Starts to look at its metrics; the answer stops and tells. */
  watch?(): Promise<() => Promise<{ client: Watched; concentrator: Watched }>>;
  stop(): Promise<void>;
}
