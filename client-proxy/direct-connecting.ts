import { LineLimit, type LineLog } from '../shared/runtime/observe/line-limit.ts';
import type { ProgramDeps } from '../shared/runtime/process/process-deps.ts';
import type { TrafficTable } from '../shared/runtime/session/uplink-traffic.ts';
import type { ClientCounts } from './client-counts.ts';
import type { ClientConfig } from './config/client-config.ts';
import { DirectBalance } from './direct/balance/direct-balance.ts';
import { DirectFlows } from './direct/balance/direct-flows.ts';
import { StickyUplinks } from './direct/balance/sticky-uplinks.ts';
import { BalancedDialer } from './direct/balanced-dialer.ts';
import { DirectConnections } from './direct/direct-connections.ts';
import { DirectDialer } from './direct/direct-dialer.ts';
import { DirectOpener, type DirectWay } from './direct/direct-opening.ts';
import { directStatus } from './direct/direct-status.ts';
import type { UplinkSet } from './discovery/uplink-set.ts';
import type { UplinkResolvers } from './dns/uplink-resolvers.ts';
import { ownAddresses } from './network/network-view.ts';
import type { UplinkStatus } from './path-manager/uplink-status.ts';
import type { UplinkUses } from './path-manager/uplink-use.ts';
import type { SteeringOptions } from './steering/steering.ts';
import type { UplinkConnector } from './uplink/uplink-connector.ts';

/** Connects requests past the concentrator; each is answered in any case. */
export interface Direct {
  readonly connections: DirectConnections;
  readonly opener: Pick<DirectOpener, 'relayed'>;
  readonly balance: DirectBalance;
  readonly dialer: Pick<DirectDialer, 'resolve'>;
  readonly flows: Pick<DirectFlows, 'begin'>;
  /** What each uplink is to connections that go directly. */
  status(): readonly UplinkStatus[];
  /** As a rule says that names the uplink. */
  readonly open: SteeringOptions['openDirect'];
  /** Over whichever of the uplinks that the policy allows serves best. */
  readonly openBalanced: SteeringOptions['openBalanced'];
}

/** Makes the parts that connect past the concentrator. */
export function makeDirect(
  config: Pick<ClientConfig, 'direct'>,
  { clock, wallClock, logger }: Pick<ProgramDeps, 'clock' | 'wallClock' | 'logger'>,
  parts: {
    readonly counts: ClientCounts;
    readonly directTraffic: TrafficTable;
    readonly uplinks: UplinkSet;
    readonly uses: UplinkUses;
    readonly connector: UplinkConnector;
    readonly resolvers: UplinkResolvers;
  },
): Direct {
  const { counts, directTraffic, uplinks, uses, connector, resolvers } = parts;
  const log = new LineLimit(clock).over(logger);
  const dialer = new DirectDialer({
    uplinks: () => uplinks.uplinks,
    useOf: (uplinkName) => uses.of(uplinkName),
    connect: (uplink, target, signal, timeoutMs) => connector.origin(uplink, target, signal, timeoutMs),
    resolvers,
    ownAddresses,
    clock,
  });
  const flows = new DirectFlows({
    trafficOf: (uplinkName) => directTraffic.of(uplinkName),
    onRate: (uplinkName, bytesPerSecond) => balance.measureOf(uplinkName).rate.add(bytesPerSecond, clock()),
    clock,
  });
  const known = {
    uplinks: () => uplinks.uplinks,
    useOf: (uplinkName: string) => uses.of(uplinkName),
    troubles: () => uplinks.troubles,
  };
  const balance = new DirectBalance({
    ...known,
    flows,
    sticky: new StickyUplinks(config.direct.stickyMs),
    onSuspect: (uplink, isSuspect) => tellSuspect(log, uplink, isSuspect),
    clock,
  });
  const balanced = new BalancedDialer({
    balance,
    dialer,
    onAttempt: (uplinkName, result) => void counts.directAttempts.of(uplinkName)[result]++,
    clock,
  });
  const connections = new DirectConnections((uplink) => counts.lost.addDirect(uplink));
  const opener = new DirectOpener({
    ...{ connections, flows, wallClock },
    onResult: (result) => counts.directOpens.add(result),
    onLookedUp: (result) => counts.lookups.add(result),
  });
  return {
    connections,
    opener,
    balance,
    dialer,
    flows,
    status: () => directStatus({ ...known, measureOf: (uplinkName) => balance.measureOf(uplinkName) }),
    open(request, { uplink: uplinkName, isPublicOnly }, choice, onFailed) {
      const reach = isPublicOnly ? 'public' : 'named';
      counts.directReasons[choice.reason]++;
      const way: DirectWay = {
        dial: async (destination, signal) => ({
          uplinkName,
          origin: await dialer.dial(uplinkName, destination, signal, reach),
        }),
        resolve: (question, signal) => dialer.resolve(uplinkName, question, signal, reach),
      };
      void opener.open(request, way, choice, onFailed);
    },
    openBalanced(request, policy, choice, onFailed) {
      counts.directReasons[choice.reason]++;
      const way: DirectWay = {
        dial: (destination, signal) => balanced.dial(destination, policy, signal),
        resolve: (question, signal) => balanced.resolve(question, policy, signal),
      };
      void opener.open(request, way, choice, onFailed);
    },
  };
}

function tellSuspect(log: LineLog, uplink: string, isSuspect: boolean): void {
  if (isSuspect)
    log.warn({ uplink }, 'direct connections over an uplink fail, and not over others: it comes last');
  else log.info({ uplink }, 'an uplink serves direct connections again');
}
