import { join } from 'node:path';
import { removeFile, writePrivateFile } from '../../shared/runtime/files/private-file.ts';
import { readBytesFile } from '../../shared/runtime/files/read-file.ts';
import { entryLine, GROUP_LINE, isImmutable, withEntry } from './ini-text.ts';
import { isOnPath } from './is-on-path.ts';
import { configHome, hasSessionBus, runDesktopTool, type UserPlaces } from './session-places.ts';
import {
  type ProxyAddress,
  ProxySettingError,
  type SettingStore,
  type Settings,
  withOwnHosts,
} from './setting-store.ts';

const FILE_NAME = 'kioslaverc';
const GROUP = 'Proxy Settings';
const NOT_BY_PROXY = 'NoProxyFor';
/** The group first: it must be there for the others. */
const KEYS = [
  GROUP_LINE,
  'ProxyType',
  'httpProxy',
  'httpsProxy',
  'socksProxy',
  NOT_BY_PROXY,
  'ReversedException',
] as const;
/** "Use manually specified proxy configuration". */
const MANUAL = 1;
const MAX_BYTES = 1024 * 1024;
const TOOLS = ['kwriteconfig6', 'kwriteconfig5', 'plasmashell'] as const;
/** What KDE's own dialog sends, so that programs that run read the file again. */
const REREAD = [
  '--session',
  '--type=signal',
  '/KIO/Scheduler',
  'org.kde.KIO.Scheduler.reparseSlaveConfiguration',
];

/**
 * The settings of KDE's programs, which Chromium reads there, too: lines of `kioslaverc`. The file is changed line by line in place of being
 * written by `kwriteconfig`, so that it is afterwards as it was before, byte for byte.
 */
export class KdeSettings implements SettingStore {
  readonly id = 'kde';
  readonly title = 'KDE';
  readonly effect = '';
  readonly #file: string;
  readonly #places: UserPlaces;

  constructor(places: UserPlaces) {
    this.#places = places;
    this.#file = join(configHome(places), FILE_NAME);
  }

  async whyNot(): Promise<string | undefined> {
    const { env } = this.#places;
    const isKde = (env.XDG_CURRENT_DESKTOP ?? '').split(':').includes('KDE');
    if (isKde || TOOLS.some((tool) => isOnPath(tool, env.PATH))) return undefined;
    return (await this.#text()) === '' ? 'there is no KDE' : undefined;
  }

  async read(): Promise<Settings> {
    const text = await this.#text();
    return new Map(KEYS.map((key) => [key, entryLine(text, GROUP, key)]));
  }

  wanted({ host, port }: ProxyAddress, before: Settings): Settings {
    const address = `${host.includes(':') ? `[${host}]` : host} ${port}`;
    const [, listed = ''] = /=(.*)$/.exec(before.get(NOT_BY_PROXY) ?? '') ?? [];
    const hosts = listed.split(',').map((one) => one.trim());
    const values = {
      ProxyType: MANUAL,
      httpProxy: `http://${address}`,
      httpsProxy: `http://${address}`,
      socksProxy: `socks://${address}`,
      [NOT_BY_PROXY]: withOwnHosts(hosts.filter((one) => one !== '')).join(','),
      // Else the list would be of the only hosts that are reached through the proxy.
      ReversedException: false,
    };
    const entries = Object.entries(values).map(([key, value]): [string, string] => [key, `${key}=${value}`]);
    return new Map([[GROUP_LINE, before.get(GROUP_LINE) ?? `[${GROUP}]`], ...entries]);
  }

  async write(changes: Settings): Promise<void> {
    const before = await this.#text();
    if (isImmutable(before, GROUP)) {
      throw new ProxySettingError(
        `${this.#file}: the administrator has locked the settings of proxies ([$i])`,
      );
    }
    const text = [...changes].reduce((changed, [key, line]) => withEntry(changed, GROUP, key, line), before);
    if (text === '') await removeFile(this.#file);
    else await writePrivateFile(this.#file, Buffer.from(text, 'latin1'), { overwrite: true, rights: 'kept' });
    if (hasSessionBus(this.#places)) await runDesktopTool('dbus-send', [...REREAD, 'string:']);
  }

  shown(changes: Settings): readonly string[] {
    const lines = [...changes].filter(([key]) => key !== GROUP_LINE);
    const all = lines.map(([key, line]) => line ?? `# without ${key}`);
    return [`# ${this.#file}`, `[${GROUP}]`, ...all];
  }

  /** Byte by byte: whatever its letters are, they come back. */
  async #text(): Promise<string> {
    const read = await readBytesFile(this.#file, MAX_BYTES);
    if ('bytes' in read) return read.bytes.toString('latin1');
    if (read.isAbsent) return '';
    throw new ProxySettingError(read.problem);
  }
}
