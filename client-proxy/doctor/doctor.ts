import { formatDestination } from '../../shared/protocol/destination.ts';
import type { MonotonicClock, WallClock } from '../../shared/runtime/clock.ts';
import { UsageError } from '../../shared/runtime/config/command-line.ts';
import { Examination } from '../../shared/runtime/doctor/examination.ts';
import { skipped } from '../../shared/runtime/doctor/finding.ts';
import { kernelFinding } from '../../shared/runtime/doctor/kernel-finding.ts';
import { type KernelSettings, readKernelSettings } from '../../shared/runtime/doctor/kernel-settings.ts';
import type { MeasurementFacts } from '../../shared/runtime/doctor/measurement-facts.ts';
import { runChecks } from '../../shared/runtime/doctor/run-checks.ts';
import type { NativeSockets } from '../../shared/runtime/kernel/native.ts';
import type { ClientConfig, ConfiguredUplink } from '../config/client-config.ts';
import { MAX_UPLINKS } from '../config/client-schema.ts';
import { discoverUplinks, type LeftOut } from '../discovery/discover-uplinks.ts';
import type { NetworkView } from '../network/network-view.ts';
import { DnsNameAsker } from './name-asker.ts';
import { type DoctorOptions, nothingFound, type UplinkCase } from './uplink-check.ts';
import { UPLINK_CHECKS } from './uplink-checks.ts';
import { SocketProber } from './uplink-prober.ts';

/** What the doctor gets from the process. */
export interface DoctorDeps {
  readonly view: NetworkView;
  readonly native: NativeSockets | undefined;
  readonly clock: MonotonicClock;
  readonly wallClock: WallClock;
  readonly version: string;
  stdout(text: string): void;
}

export interface DoctorRequest extends DoctorOptions {
  readonly json: boolean;
  /** These alone, by name. */
  readonly uplinks?: readonly string[];
}

/**
 * Examines each uplink and both ends, prints what it finds, and says what mends it. A client that runs with the same configuration
 * is not disturbed. Throws TroubleFound unless all is well, and UsageError for an uplink that there is not.
 */
export async function doctor(config: ClientConfig, request: DoctorRequest, deps: DoctorDeps): Promise<void> {
  const { view, native, clock, wallClock, version, stdout } = deps;
  const { uplinks, leftOut } = uplinksOf(config, view, native !== undefined, request.uplinks);
  const examination = new Examination({
    program: 'tributary-client',
    version,
    json: request.json,
    whole: 'this machine',
    stdout,
  });
  examination.begin('this machine');
  await runChecks([kernelCheck('kernel')], { settings: readKernelSettings() }, null, examination.add);
  const shared = {
    config,
    options: request,
    view,
    prober: new SocketProber(config, native, clock),
    names: new DnsNameAsker(native, clock),
    clock,
    wallClock,
  };
  let facts: MeasurementFacts | undefined;
  for (const uplink of uplinks) {
    examination.begin(headingOf(uplink));
    const uplinkCase: UplinkCase = { ...shared, uplink, found: nothingFound() };
    await runChecks(UPLINK_CHECKS, uplinkCase, uplink.name, examination.add);
    facts ??= uplinkCase.found.facts;
  }
  for (const { interface: name, reason } of leftOut) {
    examination.begin(`${name} (no uplink now)`);
    examination.add({ uplink: name, check: 'interface', figures: {}, remedy: [], ...skipped(reason) });
  }
  if (facts !== undefined) {
    examination.begin('the concentrator');
    const checks = [kernelCheck('concentrator-kernel', 'at the concentrator: ')];
    await runChecks(checks, facts, null, examination.add);
  }
  examination.end();
}

function kernelCheck(name: string, prefix = '') {
  return { name, run: ({ settings }: { settings: KernelSettings }) => kernelFinding(settings, prefix) };
}

/** Those of the list and those that are found, and the interfaces that would be uplinks and cannot. */
function uplinksOf(
  { uplinks: list, autoUplinks: auto }: ClientConfig,
  view: NetworkView,
  bindsByInterface: boolean,
  named: readonly string[] | undefined,
): { readonly uplinks: readonly ConfiguredUplink[]; readonly leftOut: readonly LeftOut[] } {
  const discovery =
    auto === undefined
      ? { uplinks: [], leftOut: [] }
      : discoverUplinks(view, { auto, list, inUse: new Set(), bindsByInterface, maxUplinks: MAX_UPLINKS });
  const all = [...list, ...discovery.uplinks];
  if (named === undefined) {
    return { uplinks: all, leftOut: discovery.leftOut.filter(({ isCandidate }) => isCandidate) };
  }
  const missing = named.filter((name) => all.every((uplink) => uplink.name !== name));
  if (missing.length > 0) {
    const names = all.map(({ name }) => name).join(', ') || 'none';
    throw new UsageError(`there is no uplink ${missing.join(', ')} now: there are ${names}`);
  }
  return { uplinks: all.filter(({ name }) => named.includes(name)), leftOut: [] };
}

function headingOf({ name, binding, metered }: ConfiguredUplink): string {
  const way =
    binding.kind === 'interface'
      ? `interface ${binding.interface}`
      : binding.kind === 'address'
        ? `address ${binding.address}`
        : `proxy ${formatDestination(binding)}`;
  return `${name} (${way}${metered === undefined ? '' : ', metered'})`;
}
