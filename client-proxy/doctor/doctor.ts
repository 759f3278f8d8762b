import type { Destination } from '../../shared/protocol/destination.ts';
import type { MonotonicClock, WallClock } from '../../shared/runtime/clock.ts';
import { Examination } from '../../shared/runtime/doctor/examination.ts';
import { type Finding, failed, ok, type Report, warning } from '../../shared/runtime/doctor/finding.ts';
import { kernelFinding } from '../../shared/runtime/doctor/kernel-finding.ts';
import { readKernelSettings } from '../../shared/runtime/doctor/kernel-settings.ts';
import type { MeasurementFacts } from '../../shared/runtime/doctor/measurement-facts.ts';
import { type Check, runChecks } from '../../shared/runtime/doctor/run-checks.ts';
import type { NativeSockets } from '../../shared/runtime/kernel/native.ts';
import {
  aboutConcentrator,
  type ClientConfig,
  concentratorsNamed,
  ONLY_CONCENTRATOR,
} from '../config/client-config.ts';
import { routeDestinations } from '../config/route-destinations.ts';
import { networkNeeds } from '../discovery/network-needs.ts';
import { attachmentOf } from '../network/attachment.ts';
import type { NetworkNeeds, NetworkView } from '../network/network-view.ts';
import { diagnosePath } from '../network/path-diagnosis/diagnose-path.ts';
import { routeTargets } from '../network/route-targets.ts';
import type { AttachmentFinder } from '../uplink/uplink-device.ts';
import { askSystemForAll, DnsNameAsker } from './case/name-asker.ts';
import { type DoctorOptions, nothingFound, type UplinkCase } from './case/uplink-check.ts';
import { SocketProber } from './case/uplink-prober.ts';
import { usageCheck } from './checks/usage.ts';
import { describeUplink, type ExaminedUplinks, examinedUplinks } from './examined-uplinks.ts';
import { leftOutFinding } from './left-out-finding.ts';
import { DIRECT_CHECKS, UPLINK_CHECKS } from './uplink-checks.ts';

/** What the doctor gets from the process. */
export interface DoctorDeps {
  /** The interfaces, with routes towards these addresses, and with what else is needed. */
  readNetwork(destinations: readonly Destination[], needs: NetworkNeeds): Promise<NetworkView>;
  readonly native: NativeSockets | undefined;
  readonly clock: MonotonicClock;
  readonly wallClock: WallClock;
  readonly version: string;
  /** Where the client keeps what metered uplinks have used. */
  readonly usageFile: string;
  /** Has work done before the command ends early; returns what takes that back. */
  beforeEnd?(work: () => Promise<unknown>): () => void;
  stdout(text: string): void;
}

export interface DoctorRequest extends DoctorOptions {
  readonly json: boolean;
  /** These alone, by name. */
  readonly uplinks?: readonly string[];
  /** It alone, by name. */
  readonly concentrator?: string;
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
  const concentrators = concentratorsNamed(config, request.concentrator);
  const places = concentrators.flatMap(({ concentrator }) => concentrator.addresses);
  const known = await askSystemForAll(places, names);
  const addresses = routeTargets(routeDestinations(config), (name) => known.get(name)?.addresses ?? []);
  let networkProblem: string | undefined;
  try {
    view = await deps.readNetwork(addresses, networkNeeds(config));
  } catch (error) {
    // Some systems do not tell, and all else can be examined.
    networkProblem = (error as Error).message;
    view = { interfaces: [] };
  }
  const { uplinks, leftOut } = examinedUplinks(config, view, bindsByInterface, request.uplinks);
  const shared = {
    options: request,
    view,
    ...(networkProblem === undefined ? {} : { networkProblem }),
    known,
    names,
    diagnose: (uplink: UplinkCase['uplink'], { host, port }: Destination) =>
      diagnosePath({
        ...{ uplink, remoteAddress: host, remotePort: port, bindsByInterface },
        limitMs: DIAGNOSIS_LIMIT_MS,
      }),
    clock,
    wallClock,
    usageFile,
  };
  const { json } = request;
  const examination = new Examination({
    program: 'tributary-client',
    version,
    json,
    stdout,
  });
  examination.begin('this machine');
  await runChecks([KERNEL, NETWORK, UPLINKS], { uplinks, leftOut, networkProblem }, null, examination.add);
  const all =
    config.mode === 'direct' ? [config] : concentrators.map((one) => aboutConcentrator(config, one));
  const facts = new Map<string | undefined, MeasurementFacts>();
  let underway: UplinkCase | undefined;
  const release = deps.beforeEnd?.(async () => underway && countUsage(underway));
  for (const about of all) {
    // Named where there are several.
    const name = all.length > 1 ? about.concentrators[0]!.name : undefined;
    const add = addingOf(examination, name, listedName(config, about));
    const prober = new SocketProber(about, { native, attachment, clock });
    for (const uplink of uplinks) {
      examination.begin(`${describeUplink(uplink)}${name === undefined ? '' : ` to ${name}`}`);
      const it: UplinkCase = { ...shared, config: about, prober, uplink, found: nothingFound() };
      const checks = config.mode === 'direct' ? DIRECT_CHECKS : UPLINK_CHECKS;
      underway = it;
      await runChecks(checks, it, uplink.name, add);
      underway = undefined;
      if (it.found.facts !== undefined) facts.set(name, facts.get(name) ?? it.found.facts);
    }
  }
  release?.();
  for (const one of leftOut.filter(({ isCandidate }) => isCandidate)) {
    examination.begin(`${one.interface} (no uplink now)`);
    const check = { name: 'interface', run: () => leftOutFinding(one, shared.view) };
    await runChecks([check], undefined, one.interface, examination.add);
  }
  for (const [name, told] of facts) {
    examination.begin(`the concentrator${name === undefined ? '' : ` ${name}`}`);
    await runChecks([CONCENTRATOR], told, null, addingOf(examination, name));
  }
  examination.end();
}

/** Also where the checks are broken off: the bytes have been sent. */
async function countUsage(it: UplinkCase): Promise<void> {
  if (usageCheck.applies(it)) await usageCheck.run(it);
}

/**
 * What mends something at one of several concentrators says at which, and where that is in the configuration.
 * @param listed its name in the list of the configuration, if that has one
 */
function addingOf(
  { add }: Examination,
  concentrator: string | undefined,
  listed = concentrator,
): (report: Report) => void {
  if (listed === undefined) return add;
  const placed = (line: string) =>
    line.replaceAll(/\bconcentrator\.addresses\b/g, `concentrators[].addresses of ${listed}`);
  if (concentrator === undefined) return (report) => add({ ...report, remedy: report.remedy.map(placed) });
  const named = (line: string) =>
    placed(line).replaceAll(/\bthe concentrator\b/g, `the concentrator ${concentrator}`);
  return (report) => add({ ...report, remedy: report.remedy.map(named), concentrator });
}

/** Undefined where the configuration has no list of concentrators. */
function listedName(config: ClientConfig, { concentrators: [one] }: ClientConfig): string | undefined {
  const isListed = config.concentrators.length > 1 || one?.name !== ONLY_CONCENTRATOR;
  return isListed ? one?.name : undefined;
}

/** A machine may be busy when somebody asks what is wrong with it, and what is not found here would pass for well. */
const DIAGNOSIS_LIMIT_MS = 15_000;

interface ThisMachine extends ExaminedUplinks {
  readonly networkProblem: string | undefined;
}

/** Without it nobody can tell what is wrong with interfaces, addresses and routes. */
const NETWORK: Check<ThisMachine> = {
  name: 'network',
  applies: ({ networkProblem }) => networkProblem !== undefined,
  run: ({ networkProblem }) => warning(`interfaces, addresses and routes cannot be read: ${networkProblem}`),
};

/** Without any uplink there is nothing else to examine, and nothing that works. */
const UPLINKS: Check<ThisMachine> = {
  name: 'uplinks',
  applies: ({ uplinks }) => uplinks.length === 0,
  run({ leftOut }) {
    // What could be an uplink first.
    const inOrder = [...leftOut].sort((a, b) => Number(b.isCandidate) - Number(a.isCandidate));
    const reasons = inOrder.slice(0, MAX_REASONS).map(({ interface: name, reason }) => `${name}: ${reason}`);
    const others = leftOut.length - reasons.length;
    if (others > 0) reasons.push(`and ${others} more`);
    const why = reasons.length === 0 ? '' : ` (${reasons.join('; ')})`;
    return failed(`there is no uplink now${why}`, [
      'tributary-client check   # says of each interface why it is no uplink',
    ]);
  },
};
/** A host of many containers has hundreds of interfaces. */
const MAX_REASONS = 8;
const KERNEL = { name: 'kernel', run: () => kernelFinding(readKernelSettings()) };
const CONCENTRATOR = { name: 'concentrator-kernel', run: concentratorFinding };

function concentratorFinding({ settings, congestionControl }: MeasurementFacts): Finding {
  if (Object.keys(settings).length > 0) return kernelFinding(settings, 'at the concentrator: ');
  // Its systemd unit hides them from it.
  const own = congestionControl === undefined ? '' : `it sends with ${congestionControl}; `;
  return ok(`${own}its other settings are told by \`tributary-concentrator doctor\` there`);
}
