import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { needs } from '../support/needs.ts';

const FOLDER = resolve(import.meta.dirname, '../../deploy/openwrt');
const PROGRAMS = ['tributary-client', 'tributary-concentrator'] as const;
type ProgramName = (typeof PROGRAMS)[number];

/** What the scripts use of OpenWrt's /etc/rc.common and /lib/functions: enough to see what they ask procd for. */
const RC_COMMON = `
tell() { echo "$*" >> /calls; }
for each in open_instance close_instance set_param send_signal; do eval "procd_$each() { tell $each \\"\\$@\\"; }"; done
group_add_next() { echo "$1:x:32768:" >> /etc/group; echo 32768; }
user_exists() { grep -q "^$1:" /etc/passwd; }
user_add() { echo "$1:x:32768:$3:$4:$5:/bin/false" >> /etc/passwd; }
config_load() { [ "$1" = tributary ]; }
config_get() { eval "$1=\\"\\$(cat /$2.$3 2>/dev/null || :)\\""; }
. "$1"
case $2 in
  start) start_service; if type service_started > /dev/null; then service_started; fi ;;
  stop) if type stop_service > /dev/null; then stop_service; fi ;;
  reload) reload_service ;;
esac
`;

/** A root file system with busybox, the script, and a program that only notes how it is called. */
class Router {
  readonly folder = mkdtempSync(join(tmpdir(), 'tributary-router-'));
  readonly #program: ProgramName;

  constructor(program: ProgramName) {
    this.#program = program;
    onTestFinished(() => rmSync(this.folder, { recursive: true, force: true }));
    const folders = ['bin', 'dev', 'etc/init.d', 'etc/tributary', 'opt/tributary/bin', 'usr/bin', 'var/run'];
    for (const each of folders) mkdirSync(join(this.folder, each), { recursive: true });
    const busybox = join(this.folder, 'bin/busybox');
    copyFileSync(execFileSync('which', ['busybox'], { encoding: 'utf8' }).trim(), busybox);
    execFileSync('chroot', [this.folder, '/bin/busybox', '--install', '-s', '/bin']);
    // As a file it takes what nobody wants.
    this.write('dev/null', '');
    this.write('etc/rc.common', RC_COMMON);
    this.write('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\n');
    this.write('etc/group', 'root:x:0:\n');
    this.write(
      `opt/tributary/bin/${program}`,
      '#!/bin/sh\necho "program $*" >> /calls; env | grep -E "^(STATE_DIRECTORY|TZ)=" | sort > /state; [ ! -e /broken ]\n',
      0o755,
    );
    this.write(
      'usr/bin/uci',
      '#!/bin/sh\n[ "$*" = "-q get system.@system[0].zonename" ] && cat /zonename\n',
      0o755,
    );
    this.write('zonename', '');
    this.write(`etc/init.d/${program}`, readFileSync(join(FOLDER, `${program}.init`), 'utf8'), 0o755);
    this.write(`usr/bin/${program}`, readFileSync(join(FOLDER, 'tributary-command'), 'utf8'), 0o755);
  }

  write(path: string, text: string, mode = 0o600): void {
    writeFileSync(join(this.folder, path), text);
    chmodSync(join(this.folder, path), mode);
  }

  remove(path: string): void {
    rmSync(join(this.folder, path));
  }

  /** Calls the script. @returns what it has called */
  call(action: 'start' | 'stop' | 'reload', { umask = '022', status = 0 } = {}): readonly string[] {
    this.write('calls', '');
    const script = `/etc/init.d/${this.#program}`;
    this.run(`umask ${umask}; exec sh -eu /etc/rc.common ${script} ${action}`, status);
    return readFileSync(join(this.folder, 'calls'), 'utf8').split('\n').slice(0, -1);
  }

  /** What the script gives the program. */
  serviceEnvironment(): readonly string[] {
    const [given = ''] = this.call('start').filter((call) => call.startsWith('set_param env '));
    return given.split(' ');
  }

  /** What the program was given when it ran last, of what these files give it. */
  environment(): string {
    return readFileSync(join(this.folder, 'state'), 'utf8').trim();
  }

  /** Runs a line of root's in a shell of the router. */
  run(line: string, status = 0): void {
    const ran = spawnSync('chroot', [this.folder, '/bin/sh', '-c', line], {
      ...{ encoding: 'utf8', env: { PATH: '/bin:/usr/bin:/usr/sbin' } },
    });
    expect({ status: ran.status, stderr: ran.stderr }).toEqual({ status, stderr: '' });
  }
}

describe.each(PROGRAMS)('the service of %s for OpenWrt', (program) => {
  it('has no mistakes in its syntax, by the shell of routers', needs('busybox'), () => {
    expect(spawnSync('busybox', ['ash', '-n', join(FOLDER, `${program}.init`)]).status).toBe(0);
  });

  it('does nothing before it is set up', needs('busybox'), () => {
    const router = new Router(program);
    router.write('client.redirect', 'br-lan\n');
    expect(router.call('start')).toEqual([]);
    expect(router.call('stop')).toEqual([]);
  });

  it('starts with the numbers that its unit for systemd has, and without rights', needs('busybox'), () => {
    const router = new Router(program);
    const configuration = `etc/tributary/${program}.yaml`;
    for (const name of [`${program}.yaml`, 'key.pem', 'clients.yaml'])
      router.write(`etc/tributary/${name}`, '');
    const calls = router.call('start', { umask: '077' });
    const parameter = (name: string) =>
      calls.find((call) => call.startsWith(`set_param ${name} `))?.slice(`set_param ${name} `.length);
    expect(parameter('command')).toBe(`/opt/tributary/bin/${program} --config /${configuration}`);
    expect(parameter('user')).toBe(program);
    expect(parameter('no_new_privs')).toBe('1');
    const unit = readFileSync(resolve(FOLDER, `../${program}.service`), 'utf8');
    const ofUnit = (pattern: RegExp) => pattern.exec(unit)?.[1];
    expect(parameter('env')).toContain(`NODE_OPTIONS=${ofUnit(/NODE_OPTIONS=(\S+)/)} `);
    expect(parameter('term_timeout')).toBe(ofUnit(/^TimeoutStopSec=(.*)$/m));
    expect(parameter('limits')).toContain(`nofile=${ofUnit(/^LimitNOFILE=(.*)$/m)} `);

    const { mode, gid } = statSync(join(router.folder, configuration));
    expect([mode & 0o777, gid]).toEqual([0o640, 32_768]);
    const state = statSync(join(router.folder, 'etc/tributary/state', program));
    expect([state.mode & 0o777, state.uid]).toEqual([0o700, 32_768]);
    expect(statSync(join(router.folder, 'etc/tributary/state')).mode & 0o777).toBe(0o755);
    const key = statSync(join(router.folder, 'etc/tributary/key.pem'));
    expect(key.gid).toBe(program === 'tributary-concentrator' ? 32_768 : 0);
    // Once more: the user is there.
    expect(router.call('start')).toEqual(calls);
    expect(router.call('reload')).toEqual([`send_signal ${program}`]);
  });

  it(
    "keeps what it finds out where root's commands look for it, and can read what they have written",
    needs('busybox'),
    () => {
      const router = new Router(program);
      router.write(`etc/tributary/${program}.yaml`, '');
      router.run(`${program} usage "of two words"`);
      expect(readFileSync(join(router.folder, 'calls'), 'utf8')).toBe('program usage of two words\n');
      const [, folder = ''] = router.environment().split('=');
      expect(router.serviceEnvironment()).toContain(`STATE_DIRECTORY=${folder}`);

      const written = join(folder, 'metered-usage.json');
      router.write(written, '');
      router.write('etc/shadow', '');
      symlinkSync('/etc/shadow', join(router.folder, folder, 'link'));
      lchownSync(join(router.folder, folder, 'link'), 0, 0);
      router.call('start');
      expect(lstatSync(join(router.folder, written)).uid).toBe(32_768);
      expect(lstatSync(join(router.folder, 'etc/shadow')).uid).toBe(0);
    },
  );
});

it('goes by the time zone of the router, as commands of root do', needs('busybox'), () => {
  const router = new Router('tributary-client');
  router.write(CONFIG, '');
  expect(router.serviceEnvironment().join(' ')).not.toContain('TZ=');
  router.write('zonename', 'America/New York\n');
  expect(router.serviceEnvironment()).toContain('TZ=America/New_York');
  router.run('tributary-client usage');
  expect(router.environment()).toMatch(/\nTZ=America\/New_York$/);
});

const CONFIG = 'etc/tributary/tributary-client.yaml';
const APPLY = applyTo('br-lan br-guest');
const REMOVE = 'program transparent --remove';

describe('the service of tributary-client for OpenWrt', () => {
  it('leads interfaces to the client while it runs, as its configuration says', needs('busybox'), () => {
    const router = new Router('tributary-client');
    router.write(CONFIG, '');
    expect(ofFilter([...router.call('start'), ...router.call('stop')])).toEqual([]);
    router.write('client.redirect', 'br-lan br-guest\n');
    expect(ofFilter(router.call('start'))).toEqual([APPLY]);
    expect(ofFilter(router.call('stop'))).toEqual([REMOVE]);
    // There is nothing more to take back.
    expect(ofFilter(router.call('stop'))).toEqual([]);
  });

  it.each([
    ['names no interface any more', (router: Router) => router.write('client.redirect', '\n'), []],
    ['is gone, with its section', (router: Router) => router.remove('client.redirect'), []],
    ['of the client is gone', (router: Router) => router.remove(CONFIG), []],
    ['names others', (router: Router) => router.write('client.redirect', 'br-iot\n'), [applyTo('br-iot')]],
  ])('takes back what it has led there, when the configuration %s', needs('busybox'), (_, change, later) => {
    for (const restarted of [['stop', 'start'], ['start']] as const) {
      const router = new Router('tributary-client');
      router.write(CONFIG, '');
      router.write('client.redirect', 'br-lan br-guest\n');
      expect(ofFilter(router.call('start'))).toEqual([APPLY]);
      change(router);
      const calls = ofFilter(restarted.flatMap((action) => router.call(action)));
      // Rules that are applied replace those of before in one step.
      const isReplaced = restarted.length === 1 && later.length > 0;
      expect(calls).toEqual(isReplaced ? later : [REMOVE, ...later]);
    }
  });

  it('takes it back by the next stop where one could not', needs('busybox'), () => {
    const router = new Router('tributary-client');
    router.write(CONFIG, '');
    router.write('client.redirect', 'br-lan br-guest\n');
    router.call('start');
    router.write('broken', '');
    expect(ofFilter(router.call('stop', { status: 1 }))).toEqual([REMOVE]);
    router.remove('broken');
    expect(ofFilter(router.call('stop'))).toEqual([REMOVE]);
  });
});

function applyTo(interfaces: string): string {
  return `program --config /${CONFIG} transparent --apply --lan ${interfaces}`;
}

function ofFilter(calls: readonly string[]): readonly string[] {
  return calls.filter((call) => call.startsWith('program '));
}
