import { Cancellation } from '../../shared/runtime/async/cancellation.ts';
import type { MonotonicClock, WallClock } from '../../shared/runtime/clock.ts';
import type { NativeSockets } from '../../shared/runtime/kernel/native.ts';
import type { SubflowTransport } from '../../shared/runtime/subflow/subflow-transport.ts';
import { errorWords } from '../../shared/runtime/text/error-words.ts';
import type { ClientConfig, ConfiguredUplink } from '../config/client-config.ts';
import { configuredPlans } from '../discovery/configured-plans.ts';
import { LinkServers } from '../dns/link-servers.ts';
import { targetNames } from '../dns/open-target-names.ts';
import { UplinkResolvers } from '../dns/uplink-resolvers.ts';
import { addUsage } from '../metering/add-usage.ts';
import { hasCap, keptVerdict } from '../metering/kept-verdict.ts';
import { type ConfiguredPlans, type Plan, planOf } from '../metering/plan.ts';
import { WireTable } from '../metering/wire-table.ts';
import { attachmentOf } from '../network/attachment.ts';
import { knownInterfaces, type NetworkView } from '../network/network-view.ts';
import { pathsOf } from '../path-manager/paths.ts';
import { reach } from '../path-manager/reach.ts';
import { failureReason } from '../path-manager/uplink-cause.ts';
import { ConfiguredOpener } from '../probing/configured-opener.ts';
import { probeUdp, udpProbeOptions } from '../probing/udp-probe.ts';
import type { AttachmentFinder } from '../uplink/uplink-device.ts';

interface TryDeps {
  readonly clock: MonotonicClock;
  readonly native: NativeSockets | undefined;
  /** What is known of the network, with routes. */
  readonly view: NetworkView | undefined;
  /** Where the client keeps what plans have used. */
  readonly usageFile: string;
  readonly wallClock: WallClock;
}

/**
 * Connects over each of the uplinks to the concentrator and says, in the order of the uplinks, how it went: TCP, TLS and the pin, and
 * whether UDP passes. For that each has a session for a moment, and ends it; what it costs is counted for its plan. Nothing is sent over
 * one that is turned off, or that a cap has stopped. Never rejects.
 */
export async function tryUplinks(
  config: ClientConfig,
  uplinks: readonly ConfiguredUplink[],
  { clock, native, view, usageFile, wallClock }: TryDeps,
): Promise<readonly string[]> {
  const { concentrator, dial, paths } = config;
  const attachment: AttachmentFinder = (binding, host) => attachmentOf(binding, host, view);
  const wires = new WireTable(native, uplinks.length);
  const deps = { native, attachment, clock, wireOf: (name: string) => wires.of(name) };
  const opener = new ConfiguredOpener(config, deps);
  const plans = configuredPlans(config);
  const reasons = await Promise.all(uplinks.map((uplink) => whyUntried(uplink, plans, usageFile, wallClock)));
  const names = targetNames({
    uplinks: () => uplinks.filter((_, i) => reasons[i] === undefined),
    resolvers: new UplinkResolvers(
      { linkServers: new LinkServers(clock), networkInterfaces: knownInterfaces, native, attachment },
      clock,
    ),
    remembered: { of: () => [], learn() {} },
  });
  const attempt = async (uplink: ConfiguredUplink): Promise<string> => {
    const targets = [...pathsOf(paths, uplink.binding, concentrator.addresses, 1).values()].flat();
    if (targets.length === 0) return 'has no address of the concentrator to go to';
    const startedMs = clock();
    try {
      const { transport } = await reach({
        uplink,
        targets,
        names,
        timeoutMs: dial.timeoutMs,
        signal: new Cancellation(),
        connect: (_, address, signal) => opener.secure(uplink, address, signal),
      });
      const tookMs = Math.round(clock() - startedMs);
      return `reaches the concentrator in ${tookMs} ms; ${await udpWords(config, uplink, transport, deps)}`;
    } catch (error) {
      return failureReason(uplink.name, error as Error).reason;
    }
  };
  return Promise.all(
    uplinks.map(async (uplink, i) => {
      if (reasons[i] !== undefined) return `not tried, ${reasons[i]}`;
      const plan = planOf(uplink);
      const outcome = await attempt(uplink);
      const uncounted = plan === undefined ? undefined : await countFor(plan, uplink.name);
      return uncounted === undefined ? outcome : `${outcome}; no cap counts what that has cost: ${uncounted}`;
    }),
  );

  /** Returns why it is not counted. */
  async function countFor(plan: Plan, uplinkName: string): Promise<string | undefined> {
    const bytes = wires.of(uplinkName).read();
    try {
      const warnings = await addUsage(usageFile, { plan, uplinkName, plans, bytes }, wallClock);
      return warnings === undefined ? `another program kept ${usageFile} busy` : undefined;
    } catch (error) {
      return errorWords(error);
    }
  }
}

/** The user, or a cap, wants nothing to go over it. */
async function whyUntried(
  uplink: ConfiguredUplink,
  plans: ConfiguredPlans,
  usageFile: string,
  wallClock: WallClock,
): Promise<string | undefined> {
  if (uplink.isOff === true) return 'turned off by `enabled: false`';
  const plan = planOf(uplink);
  if (plan === undefined || !hasCap(plan)) return undefined;
  const { use, reason } = await keptVerdict(
    usageFile,
    { plan, uplinkNames: [uplink.name], plans },
    wallClock,
  );
  const isStopped = use === 'stopped' || (use === 'unknown' && plan.settings.atCap === 'stop');
  return isStopped ? reason : undefined;
}

/** Ends the transport. */
async function udpWords(
  config: ClientConfig,
  uplink: ConfiguredUplink,
  transport: SubflowTransport,
  deps: Parameters<typeof udpProbeOptions>[1],
): Promise<string> {
  if (!config.datagrams || uplink.binding.kind === 'proxy') {
    transport.destroy();
    return 'without UDP';
  }
  try {
    const probe = await probeUdp(uplink, transport, udpProbeOptions(config, deps));
    switch (probe.kind) {
      case 'passes':
        return `UDP passes, in ${Math.round(probe.rttMs)} ms`;
      case 'blocked':
        return `UDP is blocked: no packet to port ${probe.port} of the concentrator was answered`;
      case 'not-carried':
        return 'the concentrator carries no UDP';
    }
  } catch (error) {
    transport.destroy();
    return `no session: ${errorWords(error)}`;
  }
}
