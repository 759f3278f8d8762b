import { isIP, isIPv4, isIPv6 } from 'node:net';
import type { Destination } from '../../../shared/protocol/destination.ts';
import { type Finding, failed, ok, skipped, warning } from '../../../shared/runtime/doctor/finding.ts';
import { routeDestinations } from '../../config/route-destinations.ts';
import type { FindingCode, Finding as PathFinding } from '../../network/finding.ts';
import { familyOf } from '../../network/network-view.ts';
import { routeTargets } from '../../network/route-targets.ts';
import { numberedAddresses } from '../case/name-answers.ts';
import { hasInterface, interfaceOf } from '../case/own-interface.ts';
import type { UplinkCase, UplinkCheck } from '../case/uplink-check.ts';
import { askForAddress, NETWORK_UNKNOWN } from '../case/words.ts';

/** Findings about the answers; all other faults are about the way there. */
const ABOUT_ANSWERS: ReadonlySet<FindingCode> = new Set(['rp-filter']);
/** That one family is not routed is usual, where the other one is. */
const UNUSED: ReadonlySet<FindingCode> = new Set(['no-route', 'no-source-address']);

/** The kernel would send packets to the concentrator over this uplink. */
export const routeCheck: UplinkCheck = {
  name: 'route',
  needs: ['interface', 'address', 'cap'],
  applies: ({ uplink }) => hasInterface(uplink),
  async run(it) {
    const { view, found, networkProblem } = it;
    if (networkProblem !== undefined) return skipped(NETWORK_UNKNOWN);
    if (view.interfaces.every(({ routes }) => routes === undefined))
      return skipped('there is no iproute2 here to ask (`ip`)');
    const targets = await targetsOf(it);
    found.paths = await Promise.all(
      targets.map(async (target) => ({ target, findings: await it.diagnose(it.uplink, target) })),
    );
    const faults = faultsOf(found.paths, (code) => !ABOUT_ANSWERS.has(code));
    const isLost = found.paths.every(({ findings }) => findings.some(({ severity }) => severity === 'fault'));
    const grave = isLost ? faults : faults.filter(({ code }) => !UNUSED.has(code));
    if (grave.length === 0) return ok(reachable(it));
    return needsTranslator(it, grave) ? untranslated(it) : judge(grave, isLost);
  },
};

/** The kernel would take the answers. */
export const reversePathCheck: UplinkCheck = {
  name: 'reverse-path',
  needs: ['interface', 'address', 'route'],
  applies: ({ uplink }) => hasInterface(uplink),
  run({ found: { paths } }) {
    if (paths.length === 0) return skipped('there is no iproute2 here to ask (`ip`)');
    const faults = faultsOf(paths, (code) => ABOUT_ANSWERS.has(code));
    if (faults.length === 0) return ok('rp_filter lets answers through');
    const isLost = paths.every(({ findings }) => findings.some(({ severity }) => severity === 'fault'));
    return judge(faults, isLost);
  },
};

/** No other interface answers for the address of this one. */
export const arpCheck: UplinkCheck = {
  name: 'arp',
  needs: ['interface', 'address', 'route'],
  applies: ({ uplink }) => hasInterface(uplink),
  run({ found: { paths } }) {
    if (paths.length === 0) return skipped('there is no iproute2 here to ask (`ip`)');
    const flux = paths.flatMap(({ findings }) => findings).filter(({ code }) => code === 'arp-flux');
    return flux.length === 0
      ? ok('no other interface is in the same LAN, or none answers for this one')
      : judge(flux, false);
  },
};

/**
 * Where the connections of an uplink lead, by number: of a proxy, to the proxy. Of the families that its interface has, if any is of
 * those. What a name stands for may be unknown: then it is an address that a default route covers.
 */
async function targetsOf(it: UplinkCase): Promise<readonly Destination[]> {
  const { uplink, view, config } = it;
  const { binding } = uplink;
  const known = binding.kind === 'proxy' ? [binding] : await numberedAddresses(it);
  const numbers = known.filter(({ host }) => isIP(host) !== 0);
  const all = numbers.length > 0 ? numbers : routeTargets(routeDestinations(config), () => []);
  const own = interfaceOf(uplink, view)?.addresses ?? [];
  const usable = all.filter(({ host }) => own.some((address) => familyOf(address) === familyOf(host)));
  return usable.length > 0 ? usable : all;
}

function faultsOf(
  paths: UplinkCase['found']['paths'],
  isMeant: (code: FindingCode) => boolean,
): PathFinding[] {
  return paths.flatMap(({ findings }) =>
    findings.filter(({ code, severity }) => severity === 'fault' && isMeant(code)),
  );
}

function judge(findings: readonly PathFinding[], isLost: boolean): Finding {
  const words = [...new Set(findings.map((finding) => finding.words))].join('; ');
  const remedy = [...new Set(findings.map((finding) => finding.remedy.replaceAll('`', '')))];
  return isLost ? failed(words, remedy) : warning(words, remedy);
}

/** All that is wrong is that the network has IPv6 alone, and the concentrator IPv4. */
function needsTranslator({ uplink, view, found }: UplinkCase, faults: readonly PathFinding[]): boolean {
  const own = interfaceOf(uplink, view)?.addresses ?? [];
  return (
    uplink.binding.kind !== 'proxy' &&
    own.length > 0 &&
    own.every(isIPv6) &&
    found.paths.every(({ target }) => isIPv4(target.host)) &&
    faults.every(({ code }) => code === 'no-source-address')
  );
}

function untranslated({ uplink, view }: UplinkCase): Finding {
  const { name } = interfaceOf(uplink, view)!;
  return failed(
    `${name} has IPv6 alone, the concentrator is known by IPv4 alone, and no name server of this network tells of a translator (NAT64)`,
    [
      'add an IPv6 address of the concentrator to concentrator.addresses, or a name that has one',
      `if this network has a translator: set nameServers of the uplink "${uplink.name}" to those of this network, which tell of it`,
      `if it has IPv4: ${askForAddress(name)}`,
    ],
  );
}

function reachable({ found: { paths } }: UplinkCase): string {
  const routed = paths.filter(({ findings }) =>
    findings.every(({ code, severity }) => severity !== 'fault' || ABOUT_ANSWERS.has(code)),
  );
  const families = new Set(routed.map(({ target }) => (target.host.includes(':') ? 'IPv6' : 'IPv4')));
  return `the kernel has a way for ${[...families].join(' and ')}`;
}
