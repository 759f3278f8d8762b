import { StreamError } from '../../shared/protocol/errors.ts';
import type { MemoryBudget } from '../../shared/protocol/memory-budget.ts';
import { errnoName } from '../../shared/runtime/app/origin-failure.ts';
import { type ReleasePlace, SharedPlaces } from '../../shared/runtime/async/shared-places.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import type { OriginResolver } from '../../shared/runtime/dns/resolver.ts';
import type { Translators } from '../../shared/runtime/dns/translators.ts';
import type { LineLog } from '../../shared/runtime/observe/line-limit.ts';
import { errorWords } from '../../shared/runtime/text/error-words.ts';
import type { UdpSockets } from '../../shared/runtime/udp/udp-sockets.ts';
import type { DatagramConfig } from '../config/concentrator-config.ts';
import type { EgressPolicy } from '../egress/egress-policy.ts';
import type { ClientAllowances } from '../limits/client-allowances.ts';
import type { DescriptorShares } from '../limits/descriptor-shares.ts';
import type { LimitHits } from '../limits/limit-hits.ts';
import { OpenLine, openRate } from '../limits/open-line.ts';
import { Associations, type FlowCommands } from './associations.ts';
import { DatagramCounts } from './datagram-counts.ts';
import { FlowTargets, type FlowTargetsOptions } from './flow-targets.ts';
import { OriginSocket, type OriginSocketHandlers } from './origin-socket.ts';

export interface OriginDatagramsOptions {
  readonly config: Pick<
    DatagramConfig,
    'flowsPerClient' | 'associationsPerClient' | 'associations' | 'idleTimeoutMs'
  >;
  /** Of one client, flows that it begins. */
  readonly opensPerSecond: number;
  readonly policy: EgressPolicy;
  readonly rulesOf?: FlowTargetsOptions['rulesOf'];
  readonly allowances: Pick<ClientAllowances, 'refuse' | 'pacersOf'>;
  readonly resolver: OriginResolver;
  readonly translators: Translators;
  readonly shares: DescriptorShares;
  /** Whether one more may be used now, whatever the others are used for. */
  hasDescriptor(): boolean;
  readonly sockets: UdpSockets;
  readonly clock: MonotonicClock;
  readonly limitHits: Pick<LimitHits, 'note'>;
}

/** A session whose client may have associations. */
export interface DatagramSession {
  readonly clientId: string;
  /** For what waits. */
  readonly memory: MemoryBudget;
  input<Result>(work: (datagrams: FlowCommands) => Result): Result;
  readonly logger: LineLog;
}

/** So many flows for each association that all clients together may have: most applications have a few. */
const FLOWS_PER_ASSOCIATION = 8;
/** What is idle is looked for so many times in the time after which it ends. */
const SWEEPS_PER_TIMEOUT = 10;

/** Sends datagrams of clients to origins, and takes what comes back, under the limits of each client and of the process. */
export class OriginDatagrams {
  readonly counts = new DatagramCounts();
  readonly #options: OriginDatagramsOptions;
  readonly #targets: FlowTargets;
  readonly #flows: SharedPlaces;
  readonly #clientAssociations: SharedPlaces;
  readonly #allAssociations: SharedPlaces;
  readonly #sessions = new Set<Associations>();
  #sweep: NodeJS.Timeout | undefined;

  constructor(options: OriginDatagramsOptions) {
    const { config, opensPerSecond, translators, clock, limitHits } = options;
    const { flowsPerClient, associationsPerClient, associations } = config;
    this.#options = options;
    const opens = new OpenLine({
      rate: openRate(opensPerSecond),
      clock,
      refuse: (clientId) => options.allowances.refuse(clientId),
      onWait: (clientId) => limitHits.note('opensPerSecond', clientId),
    });
    this.#targets = new FlowTargets({ ...options, opens, ownFamilies: () => translators.ownFamilies });
    const allFlows = Math.max(flowsPerClient, associations * FLOWS_PER_ASSOCIATION);
    this.#flows = new SharedPlaces({ total: allFlows, perOwner: flowsPerClient }, (id) =>
      limitHits.note('flowsPerClient', id),
    );
    const ofClients = { total: Number.POSITIVE_INFINITY, perOwner: associationsPerClient };
    this.#clientAssociations = new SharedPlaces(ofClients, (id) =>
      limitHits.note('associationsPerClient', id),
    );
    const ofAll = { total: associations, perOwner: associations };
    this.#allAssociations = new SharedPlaces(ofAll, (id) => limitHits.note('associations', id));
  }

  get associationCount(): number {
    return sumOf(this.#sessions, ({ count }) => count);
  }

  get flowCount(): number {
    return sumOf(this.#sessions, ({ flowCount }) => flowCount);
  }

  /** A session has begun: give its events to what is returned, and `end` that with the session. */
  begin(session: DatagramSession): Associations {
    const { idleTimeoutMs } = this.#options.config;
    const associations = new Associations({
      ...session,
      input: (work) => session.input(work),
      targets: this.#targets,
      allowances: this.#options.allowances,
      claimFlow: (clientId) => this.#flows.tryClaim(clientId),
      claimAssociation: (clientId) => this.#claimAssociation(clientId),
      openSocket: (family, handlers, clientId) => this.#openSocket(family, handlers, clientId),
      idleTimeoutMs,
      counts: this.counts,
    });
    this.#sessions.add(associations);
    const everyMs = idleTimeoutMs / SWEEPS_PER_TIMEOUT;
    this.#sweep ??= setInterval(() => {
      for (const each of this.#sessions) each.sweep(everyMs);
    }, everyMs);
    return associations;
  }

  end(associations: Associations): void {
    associations.close();
    this.#sessions.delete(associations);
    if (this.#sessions.size > 0) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }

  /** The policy from now on: flows that it forbids end. */
  setPolicy(policy: EgressPolicy): void {
    this.#targets.setPolicy(policy);
    this.recheck();
  }

  /** The rules of these clients have changed, of all where none are named: flows that they forbid end. */
  recheck(clientIds?: ReadonlySet<string>): void {
    for (const associations of this.#sessions) {
      if (clientIds?.has(associations.clientId) !== false) associations.recheck();
    }
  }

  #claimAssociation(clientId: string): ReleasePlace | undefined {
    const own = this.#clientAssociations.tryClaim(clientId);
    const shared = own && this.#allAssociations.tryClaim(clientId);
    if (own === undefined || shared === undefined) {
      own?.();
      return undefined;
    }
    return () => {
      own();
      shared();
    };
  }

  async #openSocket(family: 4 | 6, handlers: OriginSocketHandlers, clientId: string): Promise<OriginSocket> {
    const { shares, hasDescriptor, sockets, limitHits } = this.#options;
    if (!shares.mayTake(clientId)) {
      limitHits.note('descriptors', clientId);
      throw new StreamError('resourceExceeded', shares.refusal);
    }
    if (!hasDescriptor()) throw new StreamError('resourceExceeded', 'few descriptors are left');
    const onClosed = shares.take(clientId);
    try {
      return await OriginSocket.open(sockets, family, handlers, onClosed);
    } catch (error) {
      onClosed();
      const { code } = error as NodeJS.ErrnoException;
      const name = errnoName(code) ?? 'resourceExceeded';
      throw new StreamError(name, `no UDP socket: ${errorWords(error)}`, { cause: error });
    }
  }
}

function sumOf(sessions: Iterable<Associations>, figure: (associations: Associations) => number): number {
  let sum = 0;
  for (const associations of sessions) sum += figure(associations);
  return sum;
}
