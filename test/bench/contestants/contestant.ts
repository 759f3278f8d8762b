import type { Bed } from '../../bed/bed.ts';
import type { Route } from '../../lab/agent/job.ts';
import type { Watched } from '../../lab/agent/watch.ts';
import type { PairProcess } from '../../lab/tributary-pair.ts';
import type { Hosts } from '../plan.ts';
import type { Scenario } from '../scenarios.ts';

/** A way for applications of the client to reach the origin. */
export interface Contestant {
  /** As `--contestants` and reports name it. */
  readonly name: string;
  /** The uplink, if it uses only one. */
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
  /** Starts to read its metrics; the function that it gives stops and returns what was seen. */
  watch?(): Promise<() => Promise<{ client: Watched; concentrator: Watched }>>;
  stop(): Promise<void>;
}
