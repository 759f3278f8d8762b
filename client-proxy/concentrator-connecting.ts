import type { Destination } from '../shared/protocol/destination.ts';
import { MemoryBudget } from '../shared/protocol/memory-budget.ts';
import { withTuning } from '../shared/protocol/session/core-tuning.ts';
import type { BlockPool } from '../shared/runtime/app/block-pool.ts';
import type { PeerWatch } from '../shared/runtime/app/peer-watch.ts';
import type { ProcessWatch } from '../shared/runtime/observe/process-watch.ts';
import { taggedLogger } from '../shared/runtime/observe/tagged-logger.ts';
import type { ProgramDeps } from '../shared/runtime/process/process-deps.ts';
import { ReceivePool } from '../shared/runtime/subflow/receive-pool.ts';
import { allOf } from '../shared/runtime/tcp/connection-watcher.ts';
import type { Counters } from './client-counts.ts';
import type { ConcentratorEvents, MakeConcentrator } from './concentrators/concentrator.ts';
import { Concentrators } from './concentrators/concentrators.ts';
import { type ClientConfig, type ConfiguredConcentrator, ONLY_CONCENTRATOR } from './config/client-config.ts';
import type { Datagrams } from './datagram-carrying.ts';
import type { UplinkSet } from './discovery/uplink-set.ts';
import type { UplinkStates } from './discovery/uplink-states.ts';
import type { TargetNames } from './dns/target-names.ts';
import type { Fallback } from './fallback/fallback.ts';
import { PathExplainer } from './network/path-diagnosis/path-explainer.ts';
import type { PacketSizes } from './packet-size/packet-sizes.ts';
import type { ConcentratorChanges } from './page/history/concentrator-changes.ts';
import type { UplinkUses } from './path-manager/uplink-use.ts';
import { makePublisher } from './publish/make-publisher.ts';
import type { Publisher } from './publish/publisher.ts';
import { SessionKeeper } from './session/session-keeper.ts';
import { SessionSecrets } from './session/session-secrets.ts';
import type { Steering } from './steering/steering.ts';
import type { StreamOpener } from './stream-opening.ts';
import type { OwnConnections } from './transparent/own-connections.ts';
import { UplinkConnector } from './uplink/uplink-connector.ts';

/** What all connections of the client are made with. */
export interface ConnectingParts {
  readonly counters: Counters;
  readonly uplinks: UplinkSet;
  readonly appPool: BlockPool;
  readonly peers: PeerWatch;
  readonly watch: ProcessWatch;
  readonly ownConnections: OwnConnections;
  readonly packetSizes: PacketSizes;
}

/** What all concentrators have in common. */
export interface ConcentratorParts extends ConnectingParts {
  readonly uses: UplinkUses;
  readonly names: TargetNames;
  readonly datagrams: Datagrams;
  /** Made later. */
  steered(): Steered;
}

/** What treats requests, and what it goes by while there is no concentrator. */
export interface Steered {
  readonly steering: Steering;
  readonly fallback: Fallback;
  readonly streams: StreamOpener;
}

/** A concentrator that is upgraded is back within half a second: so many dials in a row wait for `dial.backoffMin` alone. */
const QUICK_DIALS = 3;
/** How long a stream waits for a session. */
const OPEN_TIMEOUT_MS = 15_000;
/** Sessions that may have all that one of them may: the current one of each concentrator, and one that ends. */
const ENDING_SESSIONS = 1;

/** The concentrators, with what their sessions tell the other parts. */
export function makeConcentrators(
  config: ClientConfig,
  deps: ProgramDeps,
  parts: ConcentratorParts & {
    readonly states: UplinkStates;
    readonly concentratorChanges: ConcentratorChanges;
  },
): Concentrators {
  const { states, concentratorChanges: changes, uses, datagrams, steered } = parts;
  const { clock, logger } = deps;
  const { perSessionBytes } = config.memory;
  const memory = new MemoryBudget(perSessionBytes);
  return new Concentrators({
    make: concentratorMaker(config, deps, { ...parts, memory }),
    onCount: (count) => memory.setLimit(perSessionBytes * (Math.max(1, count) + ENDING_SESSIONS)),
    isUsable: (uplinkName) => uses.of(uplinkName).use === 'normal',
    onReviewed(dialled) {
      states.review(dialled);
      steered().fallback.look();
    },
    onChanged: () => steered().fallback.look(),
    onSilent(drivers) {
      steered().streams.moveFrom(drivers);
      datagrams.relay.moveFrom(drivers);
    },
    onLeft: (drivers) => datagrams.relay.leaveSessions(drivers),
    datagramsOf: (driver) => datagrams.relay.useOf(driver),
    onEvent: changes.add,
    ...{ clock, logger },
  });
}

/** What makes the parts of each concentrator; what belongs to uplinks is the same for all of them. */
function concentratorMaker(
  config: ClientConfig,
  deps: ProgramDeps,
  parts: ConcentratorParts & { readonly memory: MemoryBudget },
): MakeConcentrator {
  return (configured, events) => {
    const { concentrator } = configured;
    const secrets = new SessionSecrets(configured);
    const logger = taggedLogger(deps.logger, () => tagsOf(secrets.configured));
    const own = { ...deps, logger };
    const connector = makeConnector(config, own, parts, { secrets, serverName: concentrator.serverName });
    const publisher = publisherOf(config, own, parts);
    const { addresses } = concentrator;
    const keeper = makeKeeper(config, own, {
      ...parts,
      addresses,
      secrets,
      connector,
      publisher,
      events,
    });
    return {
      get configured() {
        return secrets.configured;
      },
      ...{ secrets, connector, publisher, keeper },
    };
  };
}

/** What log lines about a concentrator say of it: where it has no name it is the only one. */
function tagsOf({ name }: ConfiguredConcentrator): object {
  return name === ONLY_CONCENTRATOR ? {} : { concentrator: name };
}

/** @param secrets of the concentrator that subflows are made to; absent: none are */
export function makeConnector(
  { dial, transparent }: ClientConfig,
  { clock, logger, native: { native } }: ProgramDeps,
  parts: ConnectingParts,
  to?: { readonly secrets: SessionSecrets; readonly serverName: string | undefined },
): UplinkConnector {
  const { counters, uplinks, appPool, peers, watch, ownConnections, packetSizes } = parts;
  return new UplinkConnector({
    pins: () => to?.secrets.pins ?? [],
    serverName: to?.serverName,
    subflowTimeoutMs: dial.timeoutMs,
    native,
    attachment: (binding, host) => uplinks.attachment(binding, host),
    wireOf: (uplinkName) =>
      allOf(counters.wires.of(uplinkName), transparent === undefined ? undefined : ownConnections),
    appPool,
    peers,
    subflowPool: new ReceivePool(clock),
    hasDescriptor: (work) => watch.hasDescriptor(work),
    packetSizes,
    clock,
    logger,
  });
}

function makeKeeper(
  { paths, dial, memory, lingerMs, tuning }: ClientConfig,
  { clock, random, logger, native: { native } }: ProgramDeps,
  parts: ConcentratorParts & {
    readonly addresses: readonly Destination[];
    readonly connector: UplinkConnector;
    readonly secrets: SessionSecrets;
    readonly publisher: Publisher;
    readonly memory: MemoryBudget;
    readonly events: ConcentratorEvents;
  },
): SessionKeeper {
  const { counters, uses, addresses, connector, secrets, names, publisher, events } = parts;
  const { relay, paths: datagramPaths } = parts.datagrams;
  const explainer = new PathExplainer({
    bindsByInterface: native !== undefined,
    clock,
    answers: (uplink, address) => connector.answers(uplink, address),
  });
  return new SessionKeeper({
    identity: () => secrets.identity,
    addresses,
    paths,
    names,
    dialTimeoutMs: dial.timeoutMs,
    handshakeTimeoutMs: dial.timeoutMs,
    backoff: { minMs: dial.backoffMinMs, maxMs: dial.backoffMaxMs, steady: QUICK_DIALS - 1 },
    memory: parts.memory,
    memoryBytes: memory.perSessionBytes,
    lingerMs,
    tuning: withTuning(tuning),
    delays: counters.delays,
    inbound: publisher,
    datagrams: relay,
    datagramPaths,
    openTimeoutMs: OPEN_TIMEOUT_MS,
    clock,
    random,
    logger,
    traffic: counters.traffic,
    packetSizes: connector.packetSizes,
    connect: (uplink, address, signal, purpose) => connector.subflow(uplink, address, signal, purpose),
    explain: (uplink, failures, error, signal) => explainer.explain(uplink, failures, error, signal),
    useOf: (uplinkName) => uses.of(uplinkName),
    onDial: (uplinkName, result) => void counters.counts.dials.of(uplinkName)[result]++,
    ...events,
    onSessionEnded(driver) {
      counters.resent.onSessionEnded(driver);
      counters.datagramTotals.onSessionEnded(driver);
    },
  });
}

function publisherOf({ connections }: ClientConfig, deps: ProgramDeps, parts: ConcentratorParts): Publisher {
  const { counters, appPool, peers, watch, steered } = parts;
  return makePublisher({
    ...{ ...deps, ...connections, native: deps.native.native, pool: appPool, peers },
    steer: (policy) => steered().steering.steerInbound(policy),
    hasDescriptor: () => watch.hasDescriptor('stream'),
    onResult: (result) => counters.counts.inbound.add(result),
  });
}
