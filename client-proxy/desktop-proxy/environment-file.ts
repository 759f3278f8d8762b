import { dirname, join } from 'node:path';
import { formatDestination } from '../../shared/protocol/destination.ts';
import { fileExists, removeFile, writePrivateFile } from '../../shared/runtime/files/private-file.ts';
import { readTextFile } from '../../shared/runtime/files/read-file.ts';
import { configHome, removeEmptyFolders, type UserPlaces } from './session-places.ts';
import {
  NEVER_BY_PROXY,
  type ProxyAddress,
  ProxySettingError,
  type SettingStore,
  type Settings,
} from './setting-store.ts';

const FILE_NAME = 'environment.d/50-tributary-proxy.conf';
const MAX_BYTES = 64 * 1024;
/** The key of the whole file. */
const TEXT = 'text';
/** The key of the folder of the file: it, or that around it which is there. So folders that were there before stay, also empty ones. */
const FOLDER = 'folder';
const BY_PROXY = ['http_proxy', 'https_proxy', 'all_proxy'] as const;

/**
 * The variables of proxies for programs of sessions that systemd starts (environment.d(5)): one file, which has nothing else in it. All of
 * them name the proxy by HTTP, which the same port speaks: some programs fail at once where `all_proxy` is SOCKS.
 */
export class EnvironmentFile implements SettingStore {
  readonly id = 'environment';
  readonly title = 'environment';
  readonly effect = 'from the next login on';
  readonly #file: string;
  readonly #places: UserPlaces;

  constructor(places: UserPlaces) {
    this.#places = places;
    this.#file = join(configHome(places), FILE_NAME);
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
    ]);
  }

  wanted({ host, port, user }: ProxyAddress): Settings {
    const login = user ? `${urlWord(user.name)}:${urlWord(user.password)}@` : '';
    const url = `http://${login}${formatDestination({ host, port })}`;
    const names = (name: string, value: string) =>
      [name, name.toUpperCase()].map((one) => `${one}=${value}\n`);
    const lines = [
      ...BY_PROXY.flatMap((name) => names(name, url)),
      ...names('no_proxy', NEVER_BY_PROXY.join(',')),
    ];
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

async function deepestFolder(folder: string): Promise<string> {
  return (await fileExists(folder)) ? folder : deepestFolder(dirname(folder));
}

/** Without anything that means something in a URL, or in a file of systemd. */
function urlWord(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16)}`);
}
