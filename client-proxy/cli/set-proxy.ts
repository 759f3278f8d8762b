import { dirname, join } from 'node:path';
import { formatDestination } from '../../shared/protocol/destination.ts';
import { TributaryError } from '../../shared/protocol/errors.ts';
import { isLoopback } from '../../shared/runtime/address/special-ranges.ts';
import { changeFile } from '../../shared/runtime/config/change-file.ts';
import { UsageError } from '../../shared/runtime/config/command-line.ts';
import { ConfigForbiddenError } from '../../shared/runtime/config/config-error.ts';
import { parseListenAddress } from '../../shared/runtime/config/schema-pieces.ts';
import { defaultStateDirectory } from '../../shared/runtime/config/state-directory.ts';
import { fileExists } from '../../shared/runtime/files/private-file.ts';
import type { ClientConfig } from '../config/client-config.ts';
import { type ProxyChange, setProxy, unsetProxy } from '../desktop-proxy/change-proxy.ts';
import { EnvironmentFile } from '../desktop-proxy/environment-file.ts';
import { GnomeSettings } from '../desktop-proxy/gnome-settings.ts';
import { KdeSettings } from '../desktop-proxy/kde-settings.ts';
import { forEachUser, runAsUser, usersWithProxy } from '../desktop-proxy/other-users.ts';
import { RECORD_NAME } from '../desktop-proxy/proxy-record.ts';
import { removeEmptyFolders } from '../desktop-proxy/session-places.ts';
import { type ProxyAddress, ProxySettingError, type SettingStore } from '../desktop-proxy/setting-store.ts';
import { takesProxies } from '../desktop-proxy/takes-proxies.ts';
import type { ClientCliDeps } from './client-cli-deps.ts';
import { DEFAULT_SOCKS } from './command-defaults.ts';

const USUAL_PROXY = parseListenAddress(DEFAULT_SOCKS)!;

/** The options of `set-proxy`, as they were written. */
export interface SetProxyArguments {
  readonly print?: true;
  /** Absent: the client of this configuration. */
  readonly proxy?: string;
  readonly config?: string;
}

/** The options of `unset-proxy`, as they were written. */
export interface UnsetProxyArguments {
  readonly print?: true;
  readonly allUsers?: true;
}

/**
 * Tells the programs of this user of the proxy, in each place that there is here, and keeps what was there before. All places are tried
 * before it throws.
 * @param load reads the configuration; not needed where the proxy is named
 * @throws UsageError, ConfigError, ProxySettingError, FileWriteError, FileLockedError
 */
export async function setProxyCommand(
  load: () => Promise<ClientConfig>,
  { proxy: named, config, print }: SetProxyArguments,
  deps: ClientCliDeps,
): Promise<void> {
  const proxy = named === undefined ? await configuredProxy(load, config, deps) : namedProxy(named);
  const { stores, missing } = await storesHere(deps);
  const file = recordFile(deps);
  const changed = await locked(file, print, deps, () => setProxy(stores, proxy, file, print === true));
  const done = changed.filter(isDone);
  const failed = problemsOf(changed);
  if (print) {
    show(done, deps);
    return refuseFailed('proxy settings could not be read', failed);
  }
  for (const { store } of done) {
    deps.stdout(`${store.title}: proxy ${formatDestination(proxy)}${effectOf(store)}\n`);
  }
  for (const line of missing) deps.stdout(`${line}\n`);
  if (proxy.user !== undefined)
    deps.stderr('Desktops keep no password: programs of GNOME and KDE ask for it.\n');
  if (deps.isRoot) deps.stderr('This was for root alone: run it without sudo for a user.\n');
  deps.stderr(`What was set before is kept in ${file}; "tributary-client unset-proxy" puts it back.\n`);
  refuseFailed('the proxy could not be set', failed);
}

/**
 * Puts back what was there before `set-proxy`: for this user, or for all that have used it. All places and users are tried before it throws.
 * @throws UsageError, ProxySettingError, FileWriteError, FileLockedError
 */
export async function unsetProxyCommand(
  { print, allUsers }: UnsetProxyArguments,
  deps: ClientCliDeps,
): Promise<void> {
  if (allUsers && !deps.isRoot) throw new UsageError('--all-users: only root can do this for others');
  if (allUsers && print) throw new UsageError('--all-users and --print do not go together');
  const failed = allUsers ? [...(await unsetForOthers(deps))] : [];
  try {
    failed.push(...(await unsetForOne(print, allUsers, deps)));
  } catch (error) {
    // What failed for others is to be told as well.
    if (!(error instanceof TributaryError) || failed.length === 0) throw error;
    failed.push(error.message);
  }
  refuseFailed('proxy settings could not be put back', failed);
}

/** Resolves to the problems of places where it could not be done. Rejects as `unsetProxyCommand` does. */
async function unsetForOne(
  print: true | undefined,
  isQuiet: true | undefined,
  deps: ClientCliDeps,
): Promise<readonly string[]> {
  const file = recordFile(deps);
  if (!(await fileExists(file))) {
    if (!isQuiet) deps.stdout('no proxy was set by "tributary-client set-proxy"\n');
    return [];
  }
  const { stores } = await storesHere(deps);
  const changed = await locked(file, print, deps, () => unsetProxy(stores, file, print === true));
  const done = changed.filter(isDone);
  if (print) show(done, deps);
  else {
    await removeEmptyFolders(dirname(file), deps);
    for (const { store, left } of done) {
      deps.stdout(`${store.title}: as before${effectOf(store)}\n`);
      if (left.length > 0)
        deps.stdout(`  somebody has changed these since, and they stay: ${left.join(', ')}\n`);
    }
  }
  return problemsOf(changed);
}

/** Resolves to those for whom it could not be done. */
async function unsetForOthers({ ownCommand, stdout, clock }: ClientCliDeps): Promise<readonly string[]> {
  try {
    return await forEachUser(await usersWithProxy(), clock, async (user, timeoutMs) => {
      const problem = await runAsUser(user, [...ownCommand, 'unset-proxy'], timeoutMs);
      if (problem === undefined) stdout(`${user.name}: proxy settings are as before\n`);
      return problem;
    });
  } catch (error) {
    return [`for other users, who cannot be listed: ${(error as Error).message.split('\n')[0]}`];
  }
}

function isDone({ problem }: ProxyChange): boolean {
  return problem === undefined;
}

function problemsOf(changed: readonly ProxyChange[]): readonly string[] {
  return changed.flatMap(({ store, problem }) =>
    // On one line, which is what --all-users shows of it.
    problem === undefined ? [] : [`${store.title}: ${problem.trim().replaceAll(/\s*\n\s*/g, ', ')}`],
  );
}

/** @throws ProxySettingError with all problems, unless there are none */
function refuseFailed(what: string, problems: readonly string[]): void {
  if (problems.length > 0) throw new ProxySettingError(`${what}: ${problems.join('; ')}`);
}

async function storesHere(
  places: ClientCliDeps,
): Promise<{ readonly stores: readonly SettingStore[]; readonly missing: readonly string[] }> {
  const all = [new GnomeSettings(places), new KdeSettings(places), new EnvironmentFile(places)];
  // What cannot say whether it is there is tried, and then says what is wrong.
  const reasons = await Promise.all(all.map((store) => store.whyNot().catch(() => undefined)));
  return {
    stores: all.filter((_, i) => reasons[i] === undefined),
    missing: all.flatMap(({ title }, i) =>
      reasons[i] === undefined ? [] : `${title}: not set, since ${reasons[i]}`,
    ),
  };
}

/** In the home directory, root's as well: what the service has in /var/lib is the service's to write, and root must not obey it. */
function recordFile({ env, homeDirectory }: ClientCliDeps): string {
  const places = { env: { ...env, STATE_DIRECTORY: undefined }, homeDirectory, isRoot: false };
  return join(defaultStateDirectory(places), RECORD_NAME);
}

/** What only shows something changes nothing, and waits for nobody. */
function locked<T>(
  file: string,
  print: true | undefined,
  deps: ClientCliDeps,
  work: () => Promise<T>,
): Promise<T> {
  return print ? work() : changeFile(file, deps, work);
}

function show(changed: readonly ProxyChange[], { stdout }: ClientCliDeps): void {
  for (const { store, changes } of changed) {
    const lines = changes.size === 0 ? [`# ${store.title}: nothing to change`] : store.shown(changes);
    stdout(`${lines.join('\n')}\n`);
  }
}

function effectOf({ effect }: SettingStore): string {
  return effect === '' ? '' : `, ${effect}`;
}

/** That of the configuration. Where it is for the service alone, the usual one, if a client answers there. */
async function configuredProxy(
  load: () => Promise<ClientConfig>,
  config: string | undefined,
  { stderr, env }: ClientCliDeps,
): Promise<ProxyAddress> {
  try {
    return proxyOf(await load());
  } catch (error) {
    // Whoever names a file means that client, and no other.
    const isNamed = config !== undefined || env.TRIBUTARY_CONFIG !== undefined;
    if (isNamed || !(error instanceof ConfigForbiddenError)) throw error;
    if (!(await takesProxies(USUAL_PROXY))) {
      throw new UsageError(
        `${error.message}\nNo proxy without a password answers at ${DEFAULT_SOCKS}: give --proxy ADDRESS:PORT, ` +
          'which root finds under socks.listen',
      );
    }
    stderr(`${error.message}\nSo this takes ${DEFAULT_SOCKS}, where a proxy answers.\n`);
    return USUAL_PROXY;
  }
}

/** Where programs of this machine reach the client: by loopback, if it listens there. */
function proxyOf({ socks }: ClientConfig): ProxyAddress {
  const addresses = socks.listen.flatMap((point) => ('host' in point ? [point] : []));
  const local = addresses.find(({ host }) => isLoopback(host) || host in WILDCARDS) ?? addresses[0];
  if (local === undefined) {
    throw new UsageError('socks.listen has no address that programs could be told of: give one by --proxy');
  }
  const [user] = socks.users;
  const host = WILDCARDS[local.host as keyof typeof WILDCARDS] ?? local.host;
  return { host, port: local.port, ...(user && { user }) };
}

/** Addresses that stand for all of a machine, and what reaches it from there. */
const WILDCARDS = { '0.0.0.0': '127.0.0.1', '::': '::1' } as const;

function namedProxy(text: string): ProxyAddress {
  const proxy = parseListenAddress(text);
  if (proxy === undefined) throw new UsageError('--proxy expects ADDRESS:PORT, for example 192.168.1.2:1080');
  return proxy;
}
