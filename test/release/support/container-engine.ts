import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';
import { PROJECT_FOLDER } from '../../end-to-end/support/program.ts';
import { debianArchive } from './debian-base.ts';

/** What of a service of a compose file is tested; what these files use of the Compose Specification. */
export interface ComposeService {
  readonly image: string;
  readonly build?: { readonly context: string; readonly dockerfile: string; readonly target: string };
  readonly init?: boolean;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly volumes: readonly string[];
  readonly ulimits?: { readonly nofile: number; readonly core: number };
  readonly mem_limit?: string;
  readonly pids_limit?: number;
  readonly stop_grace_period?: string;
}

export interface ContainerRun {
  /** Takes the place of the machine's network. */
  readonly namespace: string;
  readonly input?: string;
  /** It stays, under this name. */
  readonly name?: string;
}

const DOCKERFILE = 'deploy/container/Dockerfile';
const TIMEOUT_MS = 300_000;
const MANY = 65_536;
/** Below any hard limit, which podman would raise. */
const PROCESSES = 1024;
const NODE_IMAGE = 'localhost/tributary-test-node';
const DEBIAN_IMAGE = 'localhost/tributary-test-debian';

/**
 * buildah and podman with a storage of their own, which no registry fills: the images to begin with are a fresh Debian, and one with the
 * Node.js of this machine.
 */
export class ContainerEngine {
  readonly #folder = mkdtempSync(join(tmpdir(), 'tributary-containers-'));
  readonly #names: string[] = [];

  constructor() {
    this.#engine('podman', ['import', debianArchive(12), DEBIAN_IMAGE]);
    const container = this.#buildah('from', DEBIAN_IMAGE);
    const root = this.#buildah('mount', container);
    copyFileSync(process.execPath, join(root, 'usr/bin/node'));
    mkdirSync(join(root, 'usr/lib/node_modules'));
    const npm = join(dirname(process.execPath), '../lib/node_modules/npm');
    cpSync(npm, join(root, 'usr/lib/node_modules/npm'), { recursive: true });
    symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(root, 'usr/bin/npm'));
    // A machine may have its own authorities, which vouch for the registry.
    const authorities = process.env.NODE_EXTRA_CA_CERTS;
    if (authorities !== undefined) {
      copyFileSync(authorities, join(root, 'etc/authorities.pem'));
      this.#buildah('config', '--env', 'NODE_EXTRA_CA_CERTS=/etc/authorities.pem', container);
    }
    this.#buildah('commit', '--quiet', '--rm', container, NODE_IMAGE);
  }

  /** Builds an image as its compose file says, without what only a registry has. */
  build({ build, image }: ComposeService, epochSeconds: number): void {
    if (build === undefined) throw new Error(`${image} is not built here`);
    this.#buildah(
      ...['build', '--isolation', 'chroot', '--layers', '--format', 'docker'],
      ...['--build-arg', `BUILD_IMAGE=${NODE_IMAGE}`, '--build-arg', `BASE_IMAGE=${DEBIAN_IMAGE}`],
      ...['--build-arg', `SOURCE_DATE_EPOCH=${epochSeconds}`, '--quiet', '--target', build.target],
      ...['--file', DOCKERFILE, '--tag', localName(image), PROJECT_FOLDER],
    );
  }

  /** What the image says of itself. */
  configuration(image: string): ImageConfiguration {
    const [details] = JSON.parse(this.podman('image', 'inspect', localName(image)));
    return {
      ...details.Config,
      Healthcheck: details.HealthCheck ?? details.Healthcheck,
      bytes: details.Size,
    };
  }

  /** The files of an image, without those of the kernel. */
  files(image: string): readonly string[] {
    const container = this.#buildah('from', localName(image));
    const root = this.#buildah('mount', container);
    const text = execFileSync('find', [root, '-xdev', '-type', 'f', '-printf', '/%P\n'], {
      ...{ encoding: 'utf8', maxBuffer: 64 << 20 },
    });
    this.#buildah('rm', container);
    return text.trimEnd().split('\n');
  }

  /** Runs a service to its end, or leaves it running if it has a name. @returns what it prints */
  run(service: ComposeService, args: readonly string[], { namespace, input, name }: ContainerRun): string {
    if (name !== undefined) this.#names.push(name);
    const mode = name === undefined ? ['--rm', '--interactive'] : ['--detach', '--name', name];
    const network = ['--network', `ns:/run/netns/${namespace}`];
    return this.#engine(
      'podman',
      ['run', ...mode, ...network, ...runOptions(service), localName(service.image), ...args],
      input,
    );
  }

  podman(...args: readonly string[]): string {
    return this.#engine('podman', args);
  }

  /** Whether a command of podman succeeds. */
  succeeds(...args: readonly string[]): boolean {
    return spawnSync('podman', this.#all('podman', args), { timeout: TIMEOUT_MS }).status === 0;
  }

  remove(): void {
    if (this.#names.length > 0) this.podman('rm', '--force', '--time', '0', ...this.#names);
    this.#buildah('rm', '--all');
    this.podman('rmi', '--all', '--force');
    this.podman('volume', 'rm', '--all', '--force');
    spawnSync('umount', [join(this.#folder, 'storage/overlay')]);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #buildah(...args: readonly string[]): string {
    return this.#engine('buildah', args);
  }

  #engine(program: 'buildah' | 'podman', args: readonly string[], input = ''): string {
    const { status, stdout, stderr, error } = spawnSync(program, this.#all(program, args), {
      ...{ input, encoding: 'utf8', timeout: TIMEOUT_MS },
    });
    if (status === 0) return stdout.trimEnd();
    throw new Error(`${program} ${args.join(' ')} ended with ${status} (${error}): ${stderr}${stdout}`);
  }

  #all(program: 'buildah' | 'podman', args: readonly string[]): readonly string[] {
    const places = ['--root', join(this.#folder, 'storage'), '--runroot', join(this.#folder, 'run')];
    // It needs no systemd, and takes whatever kinds of control groups there are.
    const podman = ['--runtime', 'runc', '--cgroup-manager', 'cgroupfs', '--events-backend', 'file'];
    return [...places, ...(program === 'podman' ? podman : []), ...args];
  }
}

export interface ImageConfiguration {
  readonly bytes: number;
  readonly User: string;
  readonly Entrypoint: readonly string[];
  readonly Healthcheck: { readonly Test: readonly string[] };
  readonly Labels: Readonly<Record<string, string>>;
  readonly Volumes: Readonly<Record<string, unknown>>;
}

/** A compose file of this project. */
export function composeFile(name: string): { readonly services: Readonly<Record<string, ComposeService>> } {
  return parse(readFileSync(join(PROJECT_FOLDER, 'deploy/container', name), 'utf8'), { merge: true });
}

/** The options of `podman run` for what a compose file says of a service; the network aside. */
function runOptions(service: ComposeService): readonly string[] {
  const { cap_drop = [], security_opt = [], volumes, ulimits } = service;
  return [
    ...(service.init ? ['--init'] : []),
    // As Docker has it: podman would make temporary folders that can be written.
    ...(service.read_only ? ['--read-only', '--read-only-tmpfs=false'] : []),
    ...cap_drop.map((name) => `--cap-drop=${name.toLowerCase()}`),
    ...security_opt.map((option) => `--security-opt=${option}`),
    ...volumes.map((volume) => `--volume=${volume}`),
    // No more than this process may have.
    `--ulimit=nofile=${Math.min(ulimits?.nofile ?? 1024, openFiles())}`,
    `--ulimit=nproc=${PROCESSES}`,
    `--ulimit=core=${ulimits?.core ?? 0}`,
    ...(service.mem_limit === undefined ? [] : [`--memory=${service.mem_limit}`]),
    ...(service.pids_limit === undefined ? [] : [`--pids-limit=${service.pids_limit}`]),
    ...(service.stop_grace_period === undefined
      ? []
      : [`--stop-timeout=${service.stop_grace_period.replace(/s$/, '')}`]),
  ];
}

/** How many files this process may let another one open. */
function openFiles(): number {
  const text = execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).trim();
  return text === 'unlimited' ? MANY : Number(text);
}

function localName(image: string): string {
  return `localhost/${image}`;
}
