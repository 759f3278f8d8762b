import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { programFile } from '../end-to-end/support/program.ts';
import { needs } from '../support/needs.ts';

/*
 *  set-proxy ──► gsettings ──► dconf     ◄── dconf dump
 *            ──► kioslaverc              ◄── kreadconfig5, kwriteconfig5
 *            ──► environment.d           ◄── sh
 */

const TIMEOUT_MS = 60_000;
const PROXY = '127.0.0.1:1080';
const CONFIGURED_GNOME = `gsettings set org.gnome.system.proxy mode auto
gsettings set org.gnome.system.proxy autoconfig-url http://proxy.example.org/pac
gsettings set org.gnome.system.proxy ignore-hosts "['intranet.example.org', \\"it's.example.org\\", 'localhost']"
gsettings set org.gnome.system.proxy.http host old.example.org
gsettings set org.gnome.system.proxy.http port 3128
gsettings set org.gnome.desktop.interface cursor-size 32`;
const CONFIGURED_KDE = `for entry in 'ProxyType 2' 'NoProxyFor intranet.example.org' 'httpProxy http://old.example.org 3128'; do
  kwriteconfig5 --file kioslaverc --group 'Proxy Settings' --key "\${entry%% *}" "\${entry#* }"
done
kwriteconfig5 --file kioslaverc --group 'Proxy Settings' --group Nested --key ProxyType 9
mkdir -p "$HOME/.config/environment.d"
: > "$HOME/.config/environment.d/50-tributary-proxy.conf"
kwriteconfig5 --file kioslaverc --group Zebra --key stripes '\u00e4'`;

describe('set-proxy and unset-proxy', { timeout: TIMEOUT_MS, ...needs('desktops') }, () => {
  let home: string;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'tributary-desktop-'));
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));

  const program = `${process.execPath} ${programFile('client-proxy')}`;
  const environment = (more = {}) => ({
    ...{ PATH: process.env.PATH, HOME: home, LC_ALL: 'C.UTF-8', XDG_RUNTIME_DIR: join(home, '.runtime') },
    ...{ XDG_STATE_HOME: join(home, '.local/state'), ...more },
  });
  /** Runs a script in a session of its own, or without any, and answers what it prints. */
  const session = (script: string, { hasBus = true, env = {} } = {}) => {
    mkdirSync(join(home, '.runtime'), { recursive: true, mode: 0o700 });
    const shell = ['sh', '-euc', script];
    const [command, ...args] = hasBus ? ['dbus-run-session', '--', ...shell] : shell;
    const { stdout, stderr, status } = spawnSync(command!, args, { env: environment(env), encoding: 'utf8' });
    if (status !== 0) throw new Error(`ended with ${status}: ${stdout}${stderr}`);
    return stdout;
  };
  const kde = (key: string) =>
    execFileSync('kreadconfig5', ['--file', 'kioslaverc', '--group', 'Proxy Settings', '--key', key], {
      env: environment(),
      encoding: 'utf8',
    }).trim();
  const files = () => {
    const folder = join(home, '.config');
    const names = existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }) : [];
    // dconf's file has the order of what was written last; `dconf dump` says what is in it.
    const kept = names.filter((name) => /kioslaverc|environment/.test(name)).sort();
    const read = (name: string) => readFileSync(join(folder, name)).toString('latin1');
    return kept.map((name) => [name, name.endsWith('.d') ? '' : read(name)]);
  };
  const DUMP = 'dconf dump /';

  it.each([
    ['nothing is set', '', '', {}],
    ['other proxies are set', CONFIGURED_GNOME, CONFIGURED_KDE, {}],
    ['other proxies are set, outside of a session', CONFIGURED_GNOME, CONFIGURED_KDE, { hasBus: false }],
  ])(
    'tell GNOME, KDE and programs of systemd, and put back exactly what was there, where %s',
    (_, gnome, kdeBefore, how) => {
      session(`${gnome}\n${kdeBefore}`);
      const before = { dump: session(DUMP), files: files() };

      const said = session(`${program} set-proxy --proxy ${PROXY}`, how);
      expect(said).toBe(
        `GNOME: proxy ${PROXY}\nKDE: proxy ${PROXY}\nenvironment: proxy ${PROXY}, from the next login on\n`,
      );
      const told = session('gsettings list-recursively org.gnome.system.proxy');
      for (const line of [
        ...[
          "mode 'manual'",
          "http host '127.0.0.1'",
          'http port 1080',
          "https host '127.0.0.1'",
          'https port 1080',
        ],
        ...["socks host '127.0.0.1'", 'socks port 1080'],
      ]) {
        expect(told).toMatch(new RegExp(`^org\\.gnome\\.system\\.proxy[. ]${line}$`, 'm'));
      }
      expect(/ignore-hosts (.*)/.exec(told)![1]).toMatch(
        gnome === ''
          ? /^\['localhost', '127/
          : /^\['intranet.example.org', "it's.example.org", 'localhost', '127/,
      );
      expect(['ProxyType', 'httpProxy', 'httpsProxy', 'socksProxy'].map(kde)).toEqual([
        ...['1', 'http://127.0.0.1 1080', 'http://127.0.0.1 1080', 'socks://127.0.0.1 1080'],
      ]);
      expect(kde('NoProxyFor')).toBe(
        `${gnome === '' ? '' : 'intranet.example.org,'}localhost,127.0.0.0/8,::1`,
      );
      const variables = session('set -a; . "$HOME/.config/environment.d/50-tributary-proxy.conf"; env', how);
      for (const name of ['http_proxy', 'https_proxy', 'all_proxy']) {
        for (const each of [name, name.toUpperCase()])
          expect(variables).toContain(`${each}=http://${PROXY}\n`);
      }
      expect(variables).toMatch(/^no_proxy=localhost,.*\n/m);

      // Again is no harm, nor with another address.
      session(`${program} set-proxy --proxy ${PROXY}; ${program} set-proxy --proxy 192.0.2.1:3128`, how);
      expect(session('gsettings get org.gnome.system.proxy.socks host')).toBe("'192.0.2.1'\n");
      session(`${program} unset-proxy`, how);
      expect({ dump: session(DUMP), files: files() }).toEqual(before);
      expect(existsSync(join(home, '.local'))).toBe(false);
      expect(session(`${program} unset-proxy`, how)).toContain('no proxy was set');
    },
  );

  it('only show with --print', () => {
    const shown = session(`${program} set-proxy --proxy ${PROXY} --print`);
    expect(shown).toContain('gsettings set org.gnome.system.proxy.http host "\'127.0.0.1\'"\n');
    expect(shown).toContain('[Proxy Settings]\nProxyType=1\n');
    expect(shown).toContain(`http_proxy=http://${PROXY}\n`);
    expect([session(DUMP), files(), existsSync(join(home, '.local'))]).toEqual(['', [], false]);
    // The commands do the same by hand.
    session(shown.slice(0, shown.indexOf('#')));
    expect(session(`${program} set-proxy --proxy ${PROXY} --print`)).toContain('# GNOME: nothing to change');
  });

  it('take the address and the password of the configuration, which no other user can read', () => {
    const file = join(home, 'client.yaml');
    writeFileSync(
      file,
      'mode: direct\nuplinks: auto\nsocks:\n  listen: ["192.0.2.7:1080", "0.0.0.0:1081"]\n  users: [{name: me, password: "a/b\'$c"}]\n',
    );
    const shown = session(
      `${program} --config ${file} set-proxy --print; ${program} --config ${file} set-proxy`,
    );
    expect(shown).toContain('http_proxy=http://me:PASSWORD@127.0.0.1:1081\n');
    expect(shown).not.toContain('%24c');
    const environmentFile = join(home, '.config/environment.d/50-tributary-proxy.conf');
    expect(readFileSync(environmentFile, 'utf8')).toContain(
      'http_proxy=http://me:a%2Fb%27%24c@127.0.0.1:1081\n',
    );
    const modes = execFileSync('stat', [
      '-c',
      '%a',
      environmentFile,
      join(home, '.local/state/tributary/proxy-before.json'),
    ]);
    expect(String(modes)).toBe('600\n600\n');
  });

  it('tell programs of KDE that run', () => {
    const heard =
      session(`dbus-monitor --session "interface='org.kde.KIO.Scheduler'" > "$HOME/heard" & sleep 1
${program} set-proxy --proxy ${PROXY} > /dev/null; sleep 1; kill $!; cat "$HOME/heard"`);
    expect(heard).toContain('member=reparseSlaveConfiguration');
  });

  it('leave settings that the administrator has locked, and say so', () => {
    const file = join(home, '.config/kioslaverc');
    mkdirSync(dirname(file));
    writeFileSync(file, '[Proxy Settings][$i]\nProxyType=0\n');
    expect(() => session(`${program} set-proxy --proxy ${PROXY}`)).toThrow(
      /kioslaverc: the administrator has locked/,
    );
    expect(readFileSync(file, 'utf8')).toBe('[Proxy Settings][$i]\nProxyType=0\n');
    session(`${program} unset-proxy`);
    expect(session(DUMP)).toBe('');
  });

  it('go on with the other places where one cannot be changed, say which, and can be called again', () => {
    const tools = join(home, 'tools');
    mkdirSync(tools);
    const broken =
      'case $1 in set | reset) echo broken >&2; exit 1 ;; *) exec /usr/bin/gsettings "$@" ;; esac';
    writeFileSync(join(tools, 'gsettings'), `#!/bin/sh\n${broken}\n`, { mode: 0o755 });
    const without = { env: { PATH: `${tools}:${process.env.PATH}` } };
    const places = () => [kde('ProxyType'), existsSync(join(home, '.config/environment.d'))];

    expect(() => session(`${program} set-proxy --proxy ${PROXY}`, without)).toThrow(
      /^ended with 1: KDE: proxy .*\nenvironment: proxy [\s\S]*could not be set: GNOME: gsettings: broken$/m,
    );
    expect(places()).toEqual(['1', true]);
    session(`${program} set-proxy --proxy ${PROXY}`);
    expect(() => session(`${program} unset-proxy`, without)).toThrow(
      /^ended with 1: KDE: as before\nenvironment: as before[\s\S]*could not be put back: GNOME: gsettings: broken$/m,
    );
    expect([places(), session(DUMP) === '']).toEqual([['', false], false]);
    expect(session(`${program} unset-proxy`)).toContain('GNOME: as before\n');
    expect(session(DUMP)).toBe('');
  });
});
