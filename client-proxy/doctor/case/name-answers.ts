import { isIP } from 'node:net';
import type { Destination } from '../../../shared/protocol/destination.ts';
import { failureText } from '../../uplink/uplink-error.ts';
import type { NameAnswers, UplinkServers } from './name-asker.ts';
import type { UplinkCase } from './uplink-check.ts';

/** Asks for all names of the concentrator, over the uplink, once. Never rejects. */
export function nameAnswers(it: UplinkCase): Promise<readonly NameAnswers[]> {
  const names = new Set(
    it.config.concentrator.addresses.map(({ host }) => host).filter((host) => isIP(host) === 0),
  );
  it.found.names ??= Promise.all([...names].map((name) => askAll(it, name)));
  return it.found.names;
}

/** The concentrator's addresses by number, as they are dialled over the uplink, as far as its names are known. */
export async function numberedAddresses(it: UplinkCase): Promise<readonly Destination[]> {
  const byName = new Map((await nameAnswers(it)).map(({ name, addresses }) => [name, addresses]));
  const all = await Promise.all(
    it.config.concentrator.addresses.map(async ({ host, port }) => {
      const told = byName.get(host) ?? [host];
      const dialled = await Promise.all(told.map((address) => reachable(it, address)));
      return dialled.flat().map((address) => ({ host: address, port }));
    }),
  );
  return [...new Map(all.flat().map((one) => [`${one.host} ${one.port}`, one])).values()];
}

async function reachable({ names, uplink, found }: UplinkCase, address: string): Promise<readonly string[]> {
  const dialled = await names.reachable(uplink, address);
  for (const one of dialled) if (isIP(one) !== isIP(address)) found.translated.set(one, address);
  return dialled;
}

async function askAll({ uplink, names, known }: UplinkCase, name: string): Promise<NameAnswers> {
  const system = known.get(name) ?? { addresses: [], isListed: false };
  const { servers, areOfSystem, whyNone } = system.isListed ? NONE : await serversOf(uplink, names);
  const asked = await Promise.all(
    servers.map(async (server) => {
      try {
        return { server, addresses: await names.ask(uplink, server, name), reason: '', isElsewhere: false };
      } catch (error) {
        const isElsewhere =
          areOfSystem &&
          (await names.ask(undefined, server, name).then(
            () => true,
            () => false,
          ));
        return { server, addresses: [], reason: (error as Error).message, isElsewhere };
      }
    }),
  );
  const answered = asked.filter(({ addresses }) => addresses.length > 0);
  return {
    name,
    addresses: [...new Set([...asked, system].flatMap(({ addresses }) => addresses))],
    isListed: system.isListed,
    good: answered.map(({ server }) => server),
    bad: asked.filter((one) => !answered.includes(one)),
    areOfSystem,
    whyNone,
  };
}

async function serversOf(
  uplink: UplinkCase['uplink'],
  names: UplinkCase['names'],
): Promise<UplinkServers & { readonly whyNone: string | undefined }> {
  try {
    return { ...(await names.serversOf(uplink)), whyNone: undefined };
  } catch (error) {
    return { ...NONE, whyNone: failureText(uplink.name, error as Error) };
  }
}

const NONE = { servers: [], areOfSystem: true, whyNone: undefined };
