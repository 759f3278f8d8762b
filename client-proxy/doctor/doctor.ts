import type { Destination } from '../../shared/protocol/destination.ts';
import type { MonotonicClock, WallClock } from '../../shared/runtime/clock.ts';
import { Examination } from '../../shared/runtime/doctor/examination.ts';
import { type Finding, ok, skipped } from '../../shared/runtime/doctor/finding.ts';
import { kernelFinding } from '../../shared/runtime/doctor/kernel-finding.ts';
import { readKernelSettings } from '../../shared/runtime/doctor/kernel-settings.ts';
import type { MeasurementFacts } from '../../shared/runtime/doctor/measurement-facts.ts';
import { runChecks } from '../../shared/runtime/doctor/run-checks.ts';
import type { NativeSockets } from '../../shared/runtime/kernel/native.ts';
import type { ClientConfig } from '../config/client-config.ts';
import { attachmentOf } from '../network/attachment.ts';
import type { NetworkView } from '../network/network-view.ts';
import { diagnosePath } from '../network/path-diagnosis/diagnose-path.ts';
import { routeTargets } from '../network/route-targets.ts';
import type { AttachmentFinder } from '../uplink/uplink-device.ts';
import { askSystemForAll, DnsNameAsker } from './case/name-asker.ts';
import { type DoctorOptions, nothingFound, type UplinkCase } from './case/uplink-check.ts';
import { SocketProber } from './case/uplink-prober.ts';
import { describeUplink, examinedUplinks } from './examined-uplinks.ts';
import { UPLINK_CHECKS } from './uplink-checks.ts';

/** What the doctor gets from the process. */
export interface DoctorDeps {
  /** The interfaces, with routes towards these addresses. */
  readNetwork(destinations: readonly Destination[]): Promise<NetworkView>;
  readonly native: NativeSockets | undefined;
  readonly clock: MonotonicClock;
  readonly wallClock: WallClock;
  readonly version: string;
  /** Where the client keeps what metered uplinks have used. */
  readonly usageFile: string;
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
  const { native, clock, wallClock, version, usageFile, stdout } = deps;
  const bindsByInterface = native !== undefined;
  let view: NetworkView | undefined;
  const attachment: AttachmentFinder = (binding, host) => attachmentOf(binding, host, view);
  const names = new DnsNameAsker(native, attachment, clock);
  const known = await askSystemForAll(config.concentrator.addresses, names);
  const addresses = routeTargets(config.concentrator.addresses, (name) => known.get(name)?.addresses ?? []);
  view = await deps.readNetwork(addresses);
  const { uplinks, leftOut } = examinedUplinks(config, view, bindsByInterface, request.uplinks);
  const shared = {
    config,
    options: request,
    view,
    known,
    names,
    prober: new SocketProber(config, { native, attachment, clock }),
    diagnose: (uplink: UplinkCase['uplink'], { host, port }: Destination) =>
      diagnosePath({ uplink, remoteAddress: host, remotePort: port, bindsByInterface }),
    clock,
    wallClock,
    usageFile,
  };
  const { json } = request;
  const examination = new Examination({
    program: 'tributary-client',
    version,
    json,
    whole: 'this machine',
    stdout,
  });
  examination.begin('this machine');
  await runChecks([KERNEL], undefined, null, examination.add);
  let facts: MeasurementFacts | undefined;
  for (const uplink of uplinks) {
    examination.begin(describeUplink(uplink));
    const it: UplinkCase = { ...shared, uplink, found: nothingFound() };
    await runChecks(UPLINK_CHECKS, it, uplink.name, examination.add);
    facts ??= it.found.facts;
  }
  for (const { interface: name, reason } of leftOut) {
    examination.begin(`${name} (no uplink now)`);
    const check = { name: 'interface', run: () => skipped(reason) };
    await runChecks([check], undefined, name, examination.add);
  }
  if (facts !== undefined) {
    examination.begin('the concentrator');
    await runChecks([CONCENTRATOR], facts, null, examination.add);
  }
  examination.end();
}

const KERNEL = { name: 'kernel', run: () => kernelFinding(readKernelSettings()) };
const CONCENTRATOR = { name: 'concentrator-kernel', run: concentratorFinding };

function concentratorFinding({ settings, congestionControl }: MeasurementFacts): Finding {
  if (Object.keys(settings).length > 0) return kernelFinding(settings, 'at the concentrator: ');
  // Its systemd unit hides them from it.
  const own = congestionControl === undefined ? '' : `it sends with ${congestionControl}; `;
  return ok(`${own}its other settings are told by \`tributary-concentrator doctor\` there`);
}
