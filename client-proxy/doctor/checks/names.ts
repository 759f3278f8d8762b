import { isIP } from 'node:net';
import { type Finding, failed, ok, skipped, warning } from '../../../shared/runtime/doctor/finding.ts';
import { familyOf } from '../../network/network-view.ts';
import { deviceBindingOf } from '../../uplink/uplink.ts';
import { nameAnswers, numberedAddresses } from '../case/name-answers.ts';
import type { NameAnswers } from '../case/name-asker.ts';
import { interfaceOf } from '../case/own-interface.ts';
import type { UplinkCase, UplinkCheck } from '../case/uplink-check.ts';

/** The names of the concentrator, asked of each name server over this uplink; beside it, what the system knows. */
export const namesCheck: UplinkCheck = {
  name: 'names',
  needs: ['interface', 'address', 'cap', 'route', 'reverse-path'],
  async run(it) {
    const { uplink, config, found } = it;
    if (uplink.binding.kind === 'proxy') {
      const all = config.concentrator.addresses;
      found.addresses = all;
      const hasNames = all.some(({ host }) => isIP(host) === 0);
      return skipped(hasNames ? 'the proxy resolves names by itself' : BY_NUMBER);
    }
    const answers = await nameAnswers(it);
    found.addresses = (await numberedAddresses(it)).filter(({ host }) => isOfItsFamilies(host, it));
    return answers.length === 0 ? skipped(BY_NUMBER) : judge(answers, uplink.name);
  },
};

const BY_NUMBER = 'the concentrator is configured by number';

function judge(answers: readonly NameAnswers[], uplink: string): Finding {
  const unknown = answers.filter(({ addresses }) => addresses.length === 0).map(({ name }) => name);
  const bad = [...new Map(answers.flatMap((one) => one.bad).map((one) => [one.server, one])).values()];
  const good = [...new Set(answers.flatMap((one) => one.good))];
  const reasonsOf = (servers: typeof bad) =>
    servers.map(({ server, reason }) => `${server}: ${reason}`).join('; ');
  const reasons = reasonsOf(bad);
  const choose = `set nameServers of the uplink "${uplink}" to servers that answer there, such as those of its network`;
  if (unknown.length > 0) {
    const why = reasons || answers.find(({ whyNone }) => whyNone !== undefined)?.whyNone;
    return failed(`${unknown.join(', ')} cannot be resolved: ${why ?? 'no name server knows it'}`, [choose]);
  }
  const text = answers.map(({ name, addresses }) => `${name} is ${addresses.join(', ')}`).join('; ');
  if (bad.length === 0) {
    if (good.length > 0) return ok(`${text}, by ${good.join(', ')}`);
    return ok(`${text}, by ${answers.every(({ isListed }) => isListed) ? HOSTS : SYSTEM}`);
  }
  if (good.length === 0 && answers.every(({ areOfSystem }) => areOfSystem)) {
    // It is in the network of another uplink, which is usual, and enough while that one works.
    return ok(`${text}, by ${SYSTEM}, which does not answer over this uplink`, {}, [choose]);
  }
  // So is one of several.
  const dead = bad.filter(({ isElsewhere }) => !isElsewhere);
  if (good.length > 0 && dead.length === 0) {
    const others = bad.map(({ server }) => server).join(', ');
    return ok(`${text}, by ${good.join(', ')}; ${others} answers over other uplinks alone`, {}, [choose]);
  }
  if (good.length === 0) {
    return warning(`no name server answers over this uplink (${reasons}); the system knows: ${text}`, [
      choose,
    ]);
  }
  const names = dead.map(({ server }) => server).join(', ');
  return warning(`${text}; but ${reasonsOf(dead)}`, [
    `take ${names} out of nameServers of the uplink "${uplink}", or out of the name servers of the system`,
  ]);
}

const HOSTS = 'the hosts file';
const SYSTEM = "the system's resolver";

/** An address of a family that the uplink does not have is no fault of the uplink. */
function isOfItsFamilies(host: string, { uplink, view, found: { paths } }: UplinkCase): boolean {
  const device = deviceBindingOf(uplink.binding);
  if (device?.kind === 'address') return familyOf(device.address) === familyOf(host);
  const own = interfaceOf(uplink, view);
  if (own?.addresses.every((address) => familyOf(address) !== familyOf(host))) return false;
  const known = paths.filter(({ target }) => familyOf(target.host) === familyOf(host));
  return !(
    known.length > 0 && known.every(({ findings }) => findings.some(({ code }) => code === 'no-route'))
  );
}
