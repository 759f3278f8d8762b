import { randomBytes } from 'node:crypto';
import { join as joinPath, resolve } from 'node:path';
import type { Destination } from '../../shared/protocol/destination.ts';
import { isLoopback } from '../../shared/runtime/address/special-ranges.ts';
import { changeFile } from '../../shared/runtime/config/change-file.ts';
import { UsageError } from '../../shared/runtime/config/command-line.ts';
import { defaultConfigDirectory } from '../../shared/runtime/config/config-search.ts';
import { parseListenAddress } from '../../shared/runtime/config/schema-pieces.ts';
import { serviceGroupId } from '../../shared/runtime/config/service-group.ts';
import { startOrTell } from '../../shared/runtime/config/start-service.ts';
import { YamlSource } from '../../shared/runtime/config/yaml-source.ts';
import { fileExists, writePrivateFile } from '../../shared/runtime/files/private-file.ts';
import type { JoinLink } from '../../shared/runtime/identity/link.ts';
import { MAX_UPLINKS } from '../config/client-schema.ts';
import { discoverUplinks } from '../discovery/discover-uplinks.ts';
import { isNamePattern } from '../network/name-pattern.ts';
import type { NetworkView } from '../network/network-view.ts';
import type { ClientCliDeps } from './client-cli-deps.ts';
import { clientConfigText } from './client-config-text.ts';
import { CLIENT_SERVICE } from './client-service.ts';
import { CLIENT_CONFIG_NAME } from './command-defaults.ts';
import { knownNetwork } from './known-network.ts';
import { listOf, takeLink } from './link-edits.ts';

export interface JoinOptions {
  readonly config?: string;
  readonly socks: string;
  readonly force?: boolean;
  /** Has the service started at the end. */
  readonly start?: boolean;
}

const NOTHING_KNOWN: NetworkView = { interfaces: [] };

interface Found {
  readonly interfaces: readonly string[];
  /** Those that must be included by name. */
  readonly include: readonly string[];
}

/** A configuration that was written from a link, and what was found meanwhile. */
export interface Joined {
  readonly file: string;
  /** The uplinks, each with its addresses. */
  readonly found: readonly string[];
  /** Why none could be looked for. */
  readonly problem: string | undefined;
  /** Applications must give a user and password. */
  readonly hasUsers: boolean;
  /** Why uplinks are bound by address; undefined where they are by interface. */
  readonly boundByAddress: string | undefined;
  /** A service of this system can read it. */
  readonly hasService: boolean;
}

/** Writes a client's configuration from a link, and says which uplinks there are now. */
export async function join(links: JoinLinks, options: JoinOptions, deps: ClientCliDeps): Promise<void> {
  const { file, found, problem, hasUsers, boundByAddress, hasService } = await writeJoined(
    links,
    options,
    deps,
  );
  const say = (line: string) => deps.stderr(`${line}\n`);
  const readers = hasService ? `its owner and the service ${CLIENT_SERVICE}` : 'its owner';
  say(`Wrote ${file} (readable by ${readers} alone, since it holds the client's key).`);
  for (const one of found) say(`Uplink found: ${one}`);
  if (boundByAddress !== undefined) {
    say(`Uplinks are bound by address, since binding by interface is not available: ${boundByAddress}`);
  }
  if (hasUsers) {
    say(
      `Others can reach ${options.socks}, so applications must give a user and password: see socks.users there.`,
    );
  }
  if (problem !== undefined) say(`No uplink found: ${problem}.`);
  else if (found.length === 0)
    say('No uplink found on this machine: what is connected is used as soon as it appears.');
  else if (found.length === 1) {
    say(
      'With a single uplink there is nothing to aggregate: connect another (Wi-Fi beside Ethernet, a phone by USB),',
    );
    say('it is used as soon as it appears.');
  } else {
    say('Exclude what should not be used, and mark a metered uplink as backup: see "uplinks" there.');
  }
  const service = hasService ? CLIENT_SERVICE : undefined;
  say(await startOrTell(options.start === true, service, 'tributary-client check, then tributary-client'));
}

/** Of one concentrator, or of several. */
type JoinLinks = readonly [JoinLink, ...JoinLink[]];

/** Writes a client's configuration from a link. @throws UsageError, FileWriteError, FileLockedError */
export async function writeJoined(
  links: JoinLinks,
  options: JoinOptions,
  deps: ClientCliDeps,
): Promise<Joined> {
  const listen = parseListenAddress(options.socks);
  if (!listen)
    throw new UsageError('--socks expects ADDRESS:PORT, for example 127.0.0.1:1080 or "[::1]:1080"');
  const file = targetFile(options.config, deps);
  if (!options.force && (await fileExists(file))) {
    throw new UsageError(`${file} exists already: --force replaces it, --config FILE writes another`);
  }
  const { found, include, problem, boundByAddress } = await uplinksFound(
    links.flatMap(({ addresses }) => addresses),
    deps,
  );
  const users = isLoopback(listen.host)
    ? []
    : [{ name: 'tributary', password: randomBytes(18).toString('base64url') }];
  const [link] = links;
  const text = withNames(clientConfigText({ link, listen, users, found, include }), links, file);
  const groupId = await serviceGroupId(CLIENT_SERVICE, file, deps);
  const overwrite = options.force === true;
  await changeFile(file, deps, () => writePrivateFile(file, text, { overwrite, groupId }));
  return {
    file,
    found,
    problem,
    hasUsers: users.length > 0,
    boundByAddress,
    hasService: groupId !== undefined,
  };
}

/** The same with further concentrators, and with the name that the link has for the first. */
function withNames(text: string, [first, ...others]: JoinLinks, file: string): string {
  if (others.length === 0 && first.name === undefined) return text;
  const { document } = new YamlSource(text, file);
  listOf(document, first.name);
  for (const link of others) takeLink(document, link, true);
  return document.toString({ lineWidth: 0 });
}

/** The uplinks that there are now, as `Joined` tells them. @param towards those with routes to these addresses; all, if there are none */
export async function uplinksFound(
  towards: readonly Destination[],
  deps: Pick<ClientCliDeps, 'interfaceBinding' | 'readNetwork' | 'networkInterfaces'>,
): Promise<Pick<Joined, 'found' | 'problem' | 'boundByAddress'> & Pick<Found, 'include'>> {
  const binding = deps.interfaceBinding();
  const { view: known = NOTHING_KNOWN, problem } = await knownNetwork(deps, towards);
  const view = towards.length > 0 ? known : withoutRoutes(known);
  const { interfaces, include } = findUplinks(view, binding.available);
  const found = interfaces.map((name) => {
    const { addresses } = view.interfaces.find((one) => one.name === name)!;
    return `${name} (${addresses.join(', ')})`;
  });
  return { found, include, problem, boundByAddress: binding.available ? undefined : binding.reason };
}

/** Nobody knows where they must lead yet. */
function withoutRoutes({ interfaces, ...rest }: NetworkView): NetworkView {
  return { ...rest, interfaces: interfaces.map((one) => ({ ...one, routes: undefined })) };
}

/** Where `join` writes. */
export function targetFile(named: string | undefined, deps: ClientCliDeps): string {
  const chosen = named ?? deps.env.TRIBUTARY_CONFIG;
  return chosen ? resolve(deps.cwd, chosen) : joinPath(defaultConfigDirectory(deps), CLIENT_CONFIG_NAME);
}

/** The interfaces to be had now. In a container nothing is hardware, and the way out has to be included by name. */
function findUplinks(view: NetworkView, bindsByInterface: boolean): Found {
  const options = { list: [], inUse: new Map<string, string>(), bindsByInterface, maxUplinks: MAX_UPLINKS };
  const found = (include: readonly string[]) =>
    discoverUplinks(view, { ...options, auto: { all: true, include, exclude: [], settings: [] } });
  const usual = found([]).uplinks.map((uplink) => uplink.interface);
  if (usual.length > 0) return { interfaces: usual, include: [] };
  const names = view.interfaces.filter(({ kind }) => CONTAINER_KINDS.has(kind)).map(({ name }) => name);
  const included = found(names.filter(isNamePattern)).uplinks.map((uplink) => uplink.interface);
  return { interfaces: included, include: included };
}

/** What the inner end of a container's link is. */
const CONTAINER_KINDS = new Set(['veth', 'macvlan', 'ipvlan']);
