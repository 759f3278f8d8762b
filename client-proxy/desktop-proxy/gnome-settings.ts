import { hasSessionBus, runDesktopTool, type UserPlaces } from './session-places.ts';
import {
  NEVER_BY_PROXY,
  type ProxyAddress,
  ProxySettingError,
  type Setting,
  type SettingStore,
  type Settings,
} from './setting-store.ts';

const SCHEMA = 'org.gnome.system.proxy';
const IGNORED_HOSTS = `${SCHEMA} ignore-hosts`;
/** Says whether the others count: it is set after them. */
const MODE = `${SCHEMA} mode`;
/** A string as gsettings writes it, in double quotes where there is a single one inside. */
const QUOTED = /'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"/g;
const KINDS = ['http', 'https', 'socks'] as const;

/** Four arguments for each setting; to reset one needs no value. */
const CHANGE_ALL = `while [ $# -gt 0 ]; do
  if [ "$1" = reset ]; then gsettings reset "$2" "$3"; else gsettings set "$2" "$3" "$4"; fi
  shift 4
done`;

/**
 * The settings of GNOME, which Cinnamon, MATE, Budgie and Xfce's programs of GLib read, too, by `gsettings`: keys are `SCHEMA KEY`, values as
 * it writes them. A value that is the default of the schema counts as not set.
 */
export class GnomeSettings implements SettingStore {
  readonly id = 'gnome';
  readonly title = 'GNOME';
  readonly effect = '';
  readonly #places: UserPlaces;
  #defaults: ReadonlyMap<string, string> = new Map();

  constructor(places: UserPlaces) {
    this.#places = places;
  }

  async whyNot(): Promise<string | undefined> {
    const schemas = await runDesktopTool('gsettings', ['list-schemas']);
    if (schemas === undefined) return 'there is no gsettings';
    return schemas.stdout.split('\n').includes(SCHEMA) ? undefined : `gsettings has no ${SCHEMA}`;
  }

  async read(): Promise<Settings> {
    const all = await this.#listed('gsettings', []);
    this.#defaults = await this.#listed('env', ['GSETTINGS_BACKEND=memory', 'gsettings']);
    return new Map([...all].map(([key, value]) => [key, this.#orDefault(key, value)]));
  }

  wanted({ host, port }: ProxyAddress, before: Settings): Settings {
    const listed = before.get(IGNORED_HOSTS) ?? this.#defaults.get(IGNORED_HOSTS) ?? '';
    const hosts = new Set(
      [...listed.matchAll(QUOTED), ...NEVER_BY_PROXY.map((host) => [`'${host}'`])].flat(),
    );
    const settings: [string, string][] = [
      ...KINDS.flatMap((kind): [string, string][] => [
        [`${SCHEMA}.${kind} host`, `'${host}'`],
        [`${SCHEMA}.${kind} port`, String(port)],
      ]),
      [IGNORED_HOSTS, `[${[...hosts].join(', ')}]`],
      [MODE, "'manual'"],
    ];
    return new Map(settings.map(([key, value]) => [key, this.#orDefault(key, value)]));
  }

  async write(changes: Settings): Promise<void> {
    await this.#change(changes);
    // Without a bus, gsettings may say nothing and change nothing.
    const now = await this.read();
    const refused = [...changes].find(([key, value]) => now.get(key) !== value);
    if (refused !== undefined) {
      throw new ProxySettingError(
        `GNOME has not taken ${refused[0]}: there is no session bus, or the administrator has said what it is`,
      );
    }
  }

  shown(changes: Settings): readonly string[] {
    return commands(changes).map((args) => ['gsettings', ...args.map(quoted)].join(' '));
  }

  /** Without a bus of the session, one is started for the time of the changes. */
  async #change(changes: Settings): Promise<void> {
    const words = commands(changes).flatMap(([verb, schema, key, value]) => [
      verb!,
      schema!,
      key!,
      value ?? '',
    ]);
    const script = ['sh', '-ec', CHANGE_ALL, 'sh', ...words];
    const isAlone = !hasSessionBus(this.#places) && this.#places.env.GSETTINGS_BACKEND === undefined;
    const withBus = isAlone ? await runDesktopTool('dbus-run-session', ['--', ...script]) : undefined;
    const result = withBus ?? (await runDesktopTool(script[0]!, script.slice(1)));
    if (result?.exitCode === 0) return;
    throw new ProxySettingError(`gsettings: ${result?.stderr.trim() ?? 'there is no shell'}`);
  }

  #orDefault(key: string, value: string): Setting {
    return value === this.#defaults.get(key) ? null : value;
  }

  async #listed(command: string, before: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const result = await runDesktopTool(command, [...before, 'list-recursively', SCHEMA]);
    if (result?.exitCode !== 0) {
      throw new ProxySettingError(
        `gsettings cannot list ${SCHEMA}: ${result?.stderr.trim() ?? 'it is missing'}`,
      );
    }
    const lines = result.stdout.matchAll(/^(\S+ \S+) (.*)$/gm);
    return new Map([...lines].map(([, key, value]) => [key!, value!]));
  }
}

/** The arguments of gsettings, one command for each setting. */
function commands(changes: Settings): readonly (readonly string[])[] {
  return [...changes].map(([key, value]) => {
    const words = key.split(' ');
    return value === null ? ['reset', ...words] : ['set', ...words, value];
  });
}

function quoted(word: string): string {
  return /^[\w.-]+$/.test(word) ? word : `"${word}"`;
}
