import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Namespace } from '../../bed/namespace.ts';
import type { DebianVersion } from './debian-base.ts';
import { DebianRoot, ENVIRONMENT, LIST, pathsOf, type Ran } from './debian-root.ts';

const BOOT_LIMIT_MS = 60_000;
const LOOK_MS = 50;
const COMMAND_TIMEOUT_MS = 120_000;
/** Where the second version of control groups is: alone, or beside the first. */
const CGROUPS = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'];
/**
 * Makes a machine of a root: a file system of its own, the kernel's as far as a container may have them, and systemd as process 1. What
 * systemd would set for the whole kernel it cannot: /proc/sys is read-only.
 */
const BOOT = `
  base=$1 changes=$2 work=$3 root=$4 name=$5
  mount --make-rprivate /
  mount -t overlay overlay -o "lowerdir=$base,upperdir=$changes,workdir=$work" "$root"
  cd "$root"
  mount -t proc proc proc
  mount --bind proc/sys proc/sys
  mount -o remount,bind,ro proc/sys
  mount -t sysfs -o ro sysfs sys
  mount -t cgroup2 cgroup2 sys/fs/cgroup
  mount -t tmpfs -o mode=755 tmpfs run
  mount -t tmpfs -o mode=755 tmpfs dev
  for device in null zero full random urandom tty; do cp -a "/dev/$device" "dev/$device"; done
  mkdir dev/pts dev/shm
  mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
  ln -s pts/ptmx dev/ptmx
  hostname "$name"
  pivot_root . mnt
  umount -l /mnt
  exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd`;
let machines = 0;

/** A fresh Debian that has booted with systemd, in a network of its own. Limits of memory and processes do not hold in it. */
export class DebianMachine {
  readonly root: DebianRoot;
  readonly #namespace: Namespace;
  readonly #cgroup = join(cgroups(), `tributary-test-${process.pid}-${machines++}`);
  #unshare: ChildProcess | undefined;
  #init = 0;

  constructor(version: DebianVersion, namespace: Namespace) {
    this.root = new DebianRoot(version);
    this.#namespace = namespace;
  }

  /** Resolves when systemd has started what it has to. */
  async boot(name: string): Promise<void> {
    mkdirSync(this.#cgroup);
    const unshare = ['unshare', '--mount', '--pid', '--uts', '--ipc', '--cgroup', '--fork', '--kill-child'];
    const shell = ['sh', '-ec', BOOT, 'sh', ...this.root.overlay, name];
    // First the group: in the network's namespace there is another /sys.
    const enter = 'echo $$ > "$0/cgroup.procs"; exec "$@"';
    const machine = ['ip', 'netns', 'exec', this.#namespace.name, ...unshare, '--', ...shell];
    this.#unshare = spawn('sh', ['-ec', enter, this.#cgroup, ...machine], { stdio: 'ignore' });
    const limit = AbortSignal.timeout(BOOT_LIMIT_MS);
    for (;;) {
      limit.throwIfAborted();
      this.#init = childOf(this.#unshare.pid!);
      if (this.#init !== 0 && /running|degraded/.test(this.run('systemctl', ['is-system-running']).stdout))
        return;
      await sleep(LOOK_MS);
    }
  }

  /** As somebody who is logged in as root. */
  run(command: string, args: readonly string[] = [], { input = '', cwd = '/' } = {}): Ran {
    const target = ['--target', String(this.#init), '--all', '--'];
    const enter = [...target, 'sh', '-c', 'cd "$0" && exec "$@"', cwd, command, ...args];
    return spawnSync('nsenter', enter, {
      ...{ input, encoding: 'utf8', env: ENVIRONMENT, timeout: COMMAND_TIMEOUT_MS },
    });
  }

  /** Throws unless it succeeds. @returns what it prints */
  runWell(
    command: string,
    args: readonly string[] = [],
    options: { input?: string; cwd?: string } = {},
  ): string {
    const { status, stdout, stderr } = this.run(command, args, options);
    if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}: ${stderr}`);
    return stdout;
  }

  /** Everything that is there and stays, files and folders. */
  paths(): readonly string[] {
    return pathsOf(this.runWell('sh', ['-c', LIST]));
  }

  async remove(): Promise<void> {
    const unshare = this.#unshare;
    if (unshare !== undefined && unshare.exitCode === null) {
      const gone = once(unshare, 'exit');
      if (this.#init !== 0) spawnSync('kill', ['-KILL', String(this.#init)]);
      else unshare.kill('SIGKILL');
      await gone;
    }
    removeGroups(this.#cgroup);
    this.root.remove();
  }
}

function cgroups(): string {
  const found = CGROUPS.find(
    (place) => existsSync(join(place, 'cgroup.procs')) && existsSync(join(place, 'cgroup.controllers')),
  );
  return found ?? CGROUPS[0]!;
}

/** The only child of a process; 0 while it has none. */
function childOf(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0]);
  } catch {
    return 0;
  }
}

/** systemd has made some of its own below; they are empty now. */
function removeGroups(folder: string): void {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) removeGroups(join(folder, entry.name));
  }
  rmdirSync(folder);
}
