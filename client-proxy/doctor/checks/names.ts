import { isIP } from 'node:net';
import type { Destination } from '../../../shared/protocol/destination.ts';
import { type Finding, failed, ok, skipped, warning } from '../../../shared/runtime/doctor/finding.ts';
import { familyOf } from '../../network/network-view.ts';
import { interfaceOf } from '../own-interface.ts';
import type { UplinkCase, UplinkCheck } from '../uplink-check.ts';

/** The names of the concentrator, asked of each name server over this uplink; then the system, which may ask elsewhere. */
export const namesCheck: UplinkCheck = {
  name: 'names',
  needs: ['interface', 'address', 'route', 'reverse-path'],
  async run(it) {
    const { uplink, config, found } = it;
    const all = config.concentrator.addresses;
    const names = [...new Set(all.map(({ host }) => host).filter((host) => isIP(host) === 0))];
    if (uplink.binding.kind === 'proxy') {
      found.addresses = all;
      return names.length === 0 ? undefined : skipped('the proxy resolves names by itself');
    }
    const answers = await Promise.all(names.map((name) => askAll(it, name)));
    const byName = new Map(answers.map(({ name, addresses }) => [name, addresses]));
    const resolved = all.flatMap(({ host, port }) =>
      (byName.get(host) ?? [host]).map((address) => ({ host: address, port })),
    );
    found.addresses = distinct(resolved).filter(({ host }) => isReachableFamily(host, it));
    if (names.length === 0) return skipped('the concentrator is configured by number');
    return summary(answers, uplink.name);
  },
};

interface Answers {
  readonly name: string;
  /** All that were told, each once. */
  readonly addresses: readonly string[];
  readonly good: readonly string[];
  readonly bad: readonly { readonly server: string; readonly reason: string }[];
  /** Why no name server can be asked over the uplink. */
  readonly whyNone?: string;
  readonly systemKnows: boolean;
}

async function askAll({ uplink, names }: UplinkCase, name: string): Promise<Answers> {
  const system = names.askSystem(name).catch(() => []);
  let servers: readonly string[] = [];
  let whyNone: string | undefined;
  try {
    servers = names.serversOf(uplink);
  } catch (error) {
    whyNone = (error as Error).message.replace(`uplink ${uplink.name}: `, '');
  }
  const asked = await Promise.all(
    servers.map(async (server) => {
      try {
        return { server, addresses: await names.ask(uplink, server, name), reason: '' };
      } catch (error) {
        return { server, addresses: [], reason: (error as Error).message };
      }
    }),
  );
  const known = await system;
  return {
    name,
    addresses: [...new Set([...asked.flatMap(({ addresses }) => addresses), ...known])],
    good: asked.filter(({ addresses }) => addresses.length > 0).map(({ server }) => server),
    bad: asked.filter(({ addresses }) => addresses.length === 0),
    ...(whyNone === undefined ? {} : { whyNone }),
    systemKnows: known.length > 0,
  };
}

function summary(answers: readonly Answers[], uplink: string): Finding {
  const unknown = answers.filter(({ addresses }) => addresses.length === 0).map(({ name }) => name);
  const bad = distinctServers(answers);
  const good = [...new Set(answers.flatMap((one) => one.good))];
  const reasons = bad.map(({ server, reason }) => `${server}: ${reason}`);
  const choose = `set nameServers of the uplink "${uplink}" to servers that answer there, for example those of its network`;
  if (unknown.length > 0) {
    const why = reasons.length > 0 ? reasons.join('; ') : answers.find(({ whyNone }) => whyNone)?.whyNone;
    return failed(`${unknown.join(', ')} cannot be resolved: ${why ?? 'no name server is configured'}`, [
      choose,
    ]);
  }
  const found = answers.map(({ name, addresses }) => `${name} is ${addresses.join(', ')}`).join('; ');
  if (good.length === 0 && bad.length > 0)
    return warning(
      `no name server answers over this uplink (${reasons.join('; ')}); the system knows: ${found}`,
      [choose],
    );
  if (bad.length > 0)
    return warning(`${found}; but ${reasons.join('; ')}`, [
      `take ${bad.map(({ server }) => server).join(', ')} out of nameServers of "${uplink}", or out of the system's name servers`,
    ]);
  return ok(good.length === 0 ? `${found}, by the system's resolver` : `${found}, by ${good.join(', ')}`);
}

/** Servers that had no answer for some name, each once. */
function distinctServers(answers: readonly Answers[]) {
  const each = new Map(answers.flatMap(({ bad }) => bad).map((one) => [one.server, one]));
  return [...each.values()];
}

function distinct(addresses: readonly Destination[]): Destination[] {
  return [...new Map(addresses.map((one) => [`${one.host} ${one.port}`, one])).values()];
}

/** An address of a family that the uplink does not have is no fault of the uplink. */
function isReachableFamily(host: string, { uplink, view }: UplinkCase): boolean {
  const { binding } = uplink;
  if (binding.kind === 'address') return familyOf(binding.address) === familyOf(host);
  const own = interfaceOf(uplink, view);
  if (own === undefined) return true;
  const hasRoute = own.routes === undefined || own.routes.length === 0 || own.routes.includes(familyOf(host));
  return hasRoute && own.addresses.some((address) => familyOf(address) === familyOf(host));
}
