import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PROJECT_FOLDER } from '../../end-to-end/support/program.ts';

/** A run in the root. */
export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const ENVIRONMENT = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  DEBIAN_FRONTEND: 'noninteractive',
  // A mirror that this machine is told to use.
  ...(process.env.http_proxy === undefined ? {} : { http_proxy: process.env.http_proxy }),
};
/** Its lists of packages name files that a mirror may remove later. */
const FRESH_MS = 24 * 3600_000;
const COMMAND_TIMEOUT_MS = 180_000;
/** Places that change by themselves: of the kernel, of apt, and copies that tools for users leave behind. */
const PASSING = ['dev', 'proc', 'sys', 'tmp', 'run', 'var/cache', 'var/log', 'var/lib/apt', 'var/lib/dpkg'];
const COPIES = /^\.\/etc\/(passwd|group|shadow|gshadow)-$/;

/** A fresh Debian in a folder, with what its smallest installation has. systemd does not run in it. */
export class DebianRoot {
  readonly folder = mkdtempSync(join(tmpdir(), 'tributary-debian-'));

  /** The same Debian as this machine's, from where this machine gets its packages. Takes a minute or more for the first test of a day. */
  constructor() {
    execFileSync('tar', ['--extract', '--file', freshDebian(), '--directory', this.folder]);
  }

  run(command: string, args: readonly string[] = []): Ran {
    const mount = ['--mount', '--pid', '--fork', '--kill-child', `--mount-proc=${join(this.folder, 'proc')}`];
    return spawnSync('unshare', [...mount, '--', 'chroot', this.folder, command, ...args], {
      ...{ encoding: 'utf8', env: ENVIRONMENT, timeout: COMMAND_TIMEOUT_MS },
      stdio: ['ignore', 'pipe', 'pipe'],
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
    const without = PASSING.flatMap((place) => ['-path', `./${place}`, '-prune', '-o']);
    const text = execFileSync('find', ['.', ...without, '-print'], { cwd: this.folder, encoding: 'utf8' });
    return text
      .split('\n')
      .filter((path) => path !== '' && !COPIES.test(path))
      .sort();
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** An archive with a Debian as it is right after its installation; made when there is none of today. */
export function freshDebian(): string {
  const [suite, mirror] = source();
  const archive = join(PROJECT_FOLDER, 'node_modules/.cache/tributary', `debian-${suite}.tar`);
  if (existsSync(archive) && Date.now() - statSync(archive).mtimeMs < FRESH_MS) return archive;
  mkdirSync(dirname(archive), { recursive: true });
  const folder = mkdtempSync(join(tmpdir(), 'tributary-debootstrap-'));
  try {
    execFileSync('debootstrap', ['--variant=minbase', '--include=adduser', suite, folder, mirror], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    execFileSync('tar', ['--create', '--file', `${archive}.part`, '--directory', folder, '.']);
    renameSync(`${archive}.part`, archive);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return archive;
}

/** The suite and the mirror that apt uses first. */
function source(): readonly [suite: string, mirror: string] {
  const format = '$(RELEASE) $(REPO_URI)';
  const targets = execFileSync('apt-get', ['indextargets', '--format', format, 'Created-By: Packages'], {
    encoding: 'utf8',
  });
  const [suite, mirror] = targets.split('\n')[0]!.split(' ');
  if (suite === undefined || mirror === undefined) throw new Error('apt has no sources: run apt-get update');
  return [suite, mirror];
}
