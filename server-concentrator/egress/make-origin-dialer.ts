import type { Socket } from 'node:net';
import { NAME_SERVICE } from '../../shared/protocol/codec/name-question.ts';
import { SPEED_SERVICE } from '../../shared/protocol/codec/speed-request.ts';
import { StreamError } from '../../shared/protocol/errors.ts';
import type { AppSocket } from '../../shared/runtime/app/app-socket.ts';
import { connectAppSocket } from '../../shared/runtime/app/app-socket-connect.ts';
import { BlockPool } from '../../shared/runtime/app/block-pool.ts';
import type { PeerWatch } from '../../shared/runtime/app/peer-watch.ts';
import { SharedPlaces } from '../../shared/runtime/async/shared-places.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import { DnsResolver } from '../../shared/runtime/dns/resolver.ts';
import type { Translators } from '../../shared/runtime/dns/translators.ts';
import type { NativeSockets } from '../../shared/runtime/kernel/native.ts';
import type { ConcentratorConfig } from '../config/concentrator-config.ts';
import type { ClientAllowances } from '../limits/client-allowances.ts';
import { type DescriptorShares, dialPlaces, namePlaces } from '../limits/descriptor-shares.ts';
import type { LimitHits, LimitName } from '../limits/limit-hits.ts';
import { OpenLine, openRate } from '../limits/open-line.ts';
import type { EgressPolicy, OwnEgressRules } from './egress-policy.ts';
import { NameService } from './name-service.ts';
import { type DialOutcome, OriginDialer } from './origin-dialer.ts';

export interface OriginDialerParts {
  readonly policy: EgressPolicy;
  /** Rules of a client's own, if it has any. */
  rulesOf(clientId: string): OwnEgressRules | undefined;
  readonly resolver: DnsResolver;
  /** Where this machine may have no IPv4. */
  readonly translators: Translators;
  readonly shares: DescriptorShares;
  /** Whether one more may be used now, whatever the others are used for. */
  hasDescriptor(): boolean;
  readonly native: NativeSockets | undefined;
  /** Looks after origins. */
  readonly peers: PeerWatch;
  /** What the buffers that origins are read into may take. */
  readonly poolBytes: number;
  readonly allowances: Pick<ClientAllowances, 'refuse'>;
  readonly clock: MonotonicClock;
  readonly limitHits: LimitHits;
  /** The other end of a client's stream that measures. Throws StreamError. */
  openSpeed(clientId: string): AppSocket;
  onOutcome(outcome: DialOutcome): void;
}

/** Resolves the names of origins; clients take turns. */
export function makeOriginResolver(
  { egress, limits }: Pick<ConcentratorConfig, 'egress' | 'limits'>,
  parts: Pick<OriginDialerParts, 'clock' | 'limitHits'> & {
    /** How many this process may have. */
    readonly descriptors: number;
  },
): DnsResolver {
  const { descriptors, clock, limitHits } = parts;
  return new DnsResolver({
    timeoutMs: egress.resolveTimeoutMs,
    clock,
    names: namePlaces(descriptors, limits.namesPerClient),
    onWait: (clientId) => limitHits.note('namesPerClient', clientId),
  });
}

/** Dials origins under the limits of each client and of the process: opens, names, attempts under way, descriptors. */
export function makeOriginDialer(
  { egress, limits }: Pick<ConcentratorConfig, 'egress' | 'limits'>,
  parts: OriginDialerParts,
): OriginDialer<AppSocket> {
  const {
    policy,
    rulesOf,
    resolver,
    translators,
    shares,
    hasDescriptor,
    native,
    peers,
    poolBytes,
    allowances,
    clock,
    limitHits,
    openSpeed,
    onOutcome,
  } = parts;
  const pool = new BlockPool(clock, poolBytes);
  const names = new NameService(resolver);
  const onWait = (limit: LimitName) => (clientId: string) => limitHits.note(limit, clientId);
  return new OriginDialer({
    policy,
    rulesOf,
    resolver,
    translators,
    services: {
      [NAME_SERVICE.host]: (clientId, policyNow) => names.open(clientId, policyNow),
      [SPEED_SERVICE.host]: openSpeed,
    },
    connectTimeoutMs: egress.connectTimeoutMs,
    opens: new OpenLine({
      rate: openRate(limits.opensPerSecond),
      clock,
      refuse: (clientId) => allowances.refuse(clientId),
      onWait: onWait('opensPerSecond'),
    }),
    places: new SharedPlaces(dialPlaces(shares.total, limits.dialsPerClient), onWait('dialsPerClient')),
    async connect(host, port, signal, clientId) {
      if (!shares.mayTake(clientId)) {
        limitHits.note('descriptors', clientId);
        throw new StreamError('resourceExceeded', shares.refusal);
      }
      if (!hasDescriptor()) throw new StreamError('resourceExceeded', 'few descriptors are left');
      const wire = { watch: (socket: Socket) => void socket.once('close', shares.take(clientId)) };
      return connectAppSocket({ host, port, pool, peers, native, wire, signal });
    },
    clock,
    onOutcome,
  });
}
