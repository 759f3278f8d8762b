import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DebianVersion, debianBase } from './debian-base.ts';

/** A run in the root. */
export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export const ENVIRONMENT = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  DEBIAN_FRONTEND: 'noninteractive',
  // A mirror that this machine is told to use.
  ...(process.env.http_proxy === undefined ? {} : { http_proxy: process.env.http_proxy }),
};
const COMMAND_TIMEOUT_MS = 180_000;
const MAX_OUTPUT_BYTES = 16 << 20;
/** Places that change by themselves: of the kernel, of apt, of systemd, and copies that tools for users leave behind. */
const PASSING = [
  ...['dev', 'proc', 'sys', 'tmp', 'run', 'var/cache', 'var/log', 'var/tmp'],
  ...['var/lib/apt', 'var/lib/dpkg', 'var/lib/rpm', 'var/lib/pacman', 'var/lib/systemd'],
];
const COPIES = /^\.\/etc\/(passwd|group|shadow|gshadow)-$/;
/** Over the base lies what the root has changed, for one run: no mount outlives it. What follows is run then. */
const ENTER = `
  mount -t overlay overlay -o "lowerdir=$1,upperdir=$2,workdir=$3" "$4"
  mount -t proc proc "$4/proc"
  root=$4
  shift 4
  `;

/** A fresh Debian, with what its smallest installation has. systemd is installed in it and does not run. */
export class DebianRoot {
  /** What it has changed: files that are put here are in the root. */
  readonly changes: string;
  readonly #folder = mkdtempSync(join(tmpdir(), 'tributary-debian-'));
  readonly #overlay: readonly string[];

  constructor(version: DebianVersion) {
    const [changes, work, place] = ['changes', 'work', 'root'].map((name) => join(this.#folder, name)) as [
      string,
      string,
      string,
    ];
    for (const each of [changes, work, place]) mkdirSync(each);
    mkdirSync(join(changes, 'tmp'));
    this.changes = changes;
    this.#overlay = [debianBase(version), changes, work, place];
  }

  /** The folders of the overlay: base, changes, work and where it is to be. */
  get overlay(): readonly string[] {
    return this.#overlay;
  }

  run(command: string, args: readonly string[] = [], { input = '' } = {}): Ran {
    return this.#run('exec chroot "$root" "$@"', [command, ...args], input);
  }

  /** A program of this machine that works on a root. @param option with which it is told which one */
  runOutside(command: string, option: string, args: readonly string[]): Ran {
    return this.#run(`command=$1 && shift && exec "$command" ${option} "$root" "$@"`, [command, ...args], '');
  }

  #run(script: string, args: readonly string[], input: string): Ran {
    const shell = ['sh', '-ec', ENTER + script, 'sh', ...this.#overlay, ...args];
    return spawnSync('unshare', ['--mount', '--pid', '--fork', '--kill-child', '--', ...shell], {
      ...{ input, encoding: 'utf8', timeout: COMMAND_TIMEOUT_MS, maxBuffer: MAX_OUTPUT_BYTES },
      env: ENVIRONMENT,
    });
  }

  /** Throws unless it succeeds. */
  runWell(command: string, args: readonly string[] = []): Ran {
    const ran = this.run(command, args);
    if (ran.status !== 0)
      throw new Error(`${command} ${args.join(' ')} ended with ${ran.status}: ${ran.stderr}`);
    return ran;
  }

  /** Everything that is there and stays, files and folders. */
  paths(): readonly string[] {
    return pathsOf(this.runWell('sh', ['-c', LIST]).stdout);
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Prints all that is there and stays. */
export const LIST = `cd / && find . ${PASSING.map((place) => `-path ./${place} -prune -o`).join(' ')} -print`;

/** Of what that has printed. */
export function pathsOf(list: string): readonly string[] {
  return list
    .split('\n')
    .filter((path) => path !== '' && !COPIES.test(path))
    .sort();
}
