import { dirname, join } from 'node:path';
import { formatDestination } from '../../shared/protocol/destination.ts';
import { fileExists, removeFile, writePrivateFile } from '../../shared/runtime/files/private-file.ts';
import { readTextFile } from '../../shared/runtime/files/read-file.ts';
import { environmentPieces, SYSTEM_FOLDERS } from './environment-folders.ts';
import { configHome, removeEmptyFolders, type UserPlaces } from './session-places.ts';
import {
  type ProxyAddress,
  ProxySettingError,
  type SettingStore,
  type Settings,
  withOwnHosts,
} from './setting-store.ts';

const FOLDER_NAME = 'environment.d';
const FILE_NAME = '50-tributary-proxy.conf';
const MAX_BYTES = 64 * 1024;
/** The key of the whole file. */
const TEXT = 'text';
/** The key of the folder of the file: it, or that around it which is there. So folders that were there before stay, also empty ones. */
const FOLDER = 'folder';
/** The key of hosts that other files say are reached without a proxy; it is only read. */
const OTHER_HOSTS = 'hosts of others';
const BY_PROXY = ['http_proxy', 'https_proxy', 'all_proxy'] as const;
const WITHOUT_PROXY = 'no_proxy';

const OURS = [...BY_PROXY, WITHOUT_PROXY].flatMap(inBothCases);

/**
 * The variables of proxies for programs of sessions that systemd starts (environment.d(5)): one file, which has nothing else in it. All of
 * them name the proxy by HTTP, which the same port speaks: some programs fail at once where `all_proxy` is SOCKS.
 */
export class EnvironmentFile implements SettingStore {
  readonly id = 'environment';
  readonly title = 'environment';
  readonly #file: string;
  readonly #places: UserPlaces;
  readonly #systemFolders: readonly string[];
  /** Files that have the last word on one of the variables. */
  #later: readonly string[] = [];

  constructor(places: UserPlaces, systemFolders: readonly string[] = SYSTEM_FOLDERS) {
    this.#places = places;
    this.#systemFolders = systemFolders;
    this.#file = join(configHome(places), FOLDER_NAME, FILE_NAME);
  }

  get effect(): string {
    const atLogin = 'from the next login on';
    if (this.#later.length === 0) return atLogin;
    return `${atLogin}, but not what ${this.#later.join(', ')} set: they are read later`;
  }

  whyNot(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  async read(): Promise<Settings> {
    const read = await readTextFile(this.#file, MAX_BYTES);
    if (!('text' in read) && !read.isAbsent) throw new ProxySettingError(read.problem);
    return new Map([
      [FOLDER, await deepestFolder(dirname(this.#file))],
      [TEXT, 'text' in read ? read.text : null],
      [OTHER_HOSTS, await this.#lookAtOthers()],
    ]);
  }

  /**
   * Not by `${no_proxy}` in the file, which systemd would put in again whenever it is told to read all files again: the list would
   * grow each time.
   */
  async #lookAtOthers(): Promise<string> {
    const pieces = await environmentPieces([dirname(this.#file), ...this.#systemFolders]);
    this.#later = pieces
      .filter(({ name, variables }) => name > FILE_NAME && OURS.some((one) => variables.has(one)))
      .map(({ file }) => file);
    const earlier = pieces.filter(({ name }) => name < FILE_NAME);
    return inBothCases(WITHOUT_PROXY)
      .flatMap((name) => hostsIn(earlier.flatMap(({ variables }) => variables.get(name) ?? [])))
      .join(',');
  }

  wanted({ host, port, user }: ProxyAddress, before: Settings): Settings {
    const login = user ? `${urlWord(user.name)}:${urlWord(user.password)}@` : '';
    const url = `http://${login}${formatDestination({ host, port })}`;
    const names = (name: string, value: string) => inBothCases(name).map((one) => `${one}=${value}\n`);
    const others = (before.get(OTHER_HOSTS) ?? '').split(',').map((one) => one.trim());
    const hosts = withOwnHosts(others.filter((one) => one !== ''));
    const lines = [...BY_PROXY.flatMap((name) => names(name, url)), ...names(WITHOUT_PROXY, hosts.join(','))];
    return new Map([
      [FOLDER, dirname(this.#file)],
      [TEXT, `# By "tributary-client set-proxy"; "unset-proxy" removes it.\n${lines.join('')}`],
    ]);
  }

  async write(changes: Settings): Promise<void> {
    const text = changes.get(TEXT);
    // One that was empty before is so again.
    if (typeof text === 'string') await writePrivateFile(this.#file, text, { overwrite: true });
    else if (text === null) await removeFile(this.#file);
    const kept = changes.get(FOLDER);
    if (typeof kept === 'string') await removeEmptyFolders(dirname(this.#file), this.#places, kept);
  }

  shown(changes: Settings): readonly string[] {
    const text = changes.get(TEXT);
    if (text === undefined) return [];
    if (!text) return [`# without ${this.#file}`];
    const lines = text.trimEnd().split('\n');
    return [
      `# ${this.#file}`,
      ...lines.map((line) => line.replace(/:\/\/([^:@/]*):[^@]*@/, '://$1:PASSWORD@')),
    ];
  }
}

const ITSELF = /\$\{?no_proxy\b/i;

/** The hosts after all these lists, one after the other: a list that names the variable itself goes on with those before it. */
function hostsIn(lists: readonly string[]): readonly string[] {
  const hosts: string[] = [];
  for (const list of lists) {
    if (!ITSELF.test(list)) hosts.length = 0;
    hosts.push(...list.split(',').filter((one) => !ITSELF.test(one)));
  }
  return hosts;
}

/** Programs look for either. */
function inBothCases(name: string): readonly [string, string] {
  return [name, name.toUpperCase()];
}

async function deepestFolder(folder: string): Promise<string> {
  return (await fileExists(folder)) ? folder : deepestFolder(dirname(folder));
}

/** Without anything that means something in a URL, or in a file of systemd. */
function urlWord(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16)}`);
}
