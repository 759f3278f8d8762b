import { existsSync, readFileSync } from 'node:fs';
import type { TestOptions } from 'vitest';
import { loadNative } from '../../shared/runtime/kernel/native.ts';
import { whyNoBed } from '../bed/namespace.ts';
import { isOnPath } from '../bed/on-path.ts';
import { postgresqlPrograms } from './postgresql-programs.ts';
import { whyNoPreviousRelease } from './previous-release.ts';

/** Debian packages with programs that tests run, and how to see that one is there. */
export const PACKAGES = {
  iproute2: () => isOnPath('ip'),
  nftables: () => isOnPath('nft'),
  curl: () => isOnPath('curl'),
  'nginx-light': () => isOnPath('nginx'),
  chromium: () => isOnPath('chromium'),
  proxychains4: () => isOnPath('proxychains4'),
  wrk: () => isOnPath('wrk'),
  wget: () => isOnPath('wget'),
  minisign: () => isOnPath('minisign'),
  openssl: () => isOnPath('openssl'),
  git: () => isOnPath('git'),
  rsync: () => isOnPath('rsync'),
  'openssh-client': () => isOnPath('ssh'),
  'openssh-server': () => existsSync('/usr/sbin/sshd'),
  'netcat-openbsd': () => isOnPath('nc.openbsd'),
  'connect-proxy': () => isOnPath('connect-proxy'),
  'python3-requests': () => existsSync('/usr/lib/python3/dist-packages/requests'),
  'python3-socks': () => existsSync('/usr/lib/python3/dist-packages/socks.py'),
  'bind9-dnsutils': () => isOnPath('dig'),
  redsocks: () => isOnPath('redsocks'),
  iperf3: () => isOnPath('iperf3'),
  haproxy: () => existsSync('/usr/sbin/haproxy'),
  caddy: () => isOnPath('caddy'),
  lftp: () => isOnPath('lftp'),
  'dante-client': () => isOnPath('socksify'),
  'python3-pyftpdlib': () => existsSync('/usr/lib/python3/dist-packages/pyftpdlib'),
  'firefox-esr': () => isOnPath('firefox-esr'),
  'default-jre-headless': () => isOnPath('keytool'),
  'python3-websocket': () => existsSync('/usr/lib/python3/dist-packages/websocket'),
  'python3-websockets': () => existsSync('/usr/lib/python3/dist-packages/websockets'),
  'python3-python-socks': () => existsSync('/usr/lib/python3/dist-packages/python_socks'),
  torsocks: () => isOnPath('torsocks'),
  prometheus: () => isOnPath('prometheus') && isOnPath('promtool'),
  zsh: () => isOnPath('zsh'),
  fish: () => isOnPath('fish'),
  'man-db': () => isOnPath('man'),
  mandoc: () => isOnPath('mandoc'),
  'qemu-user-static': () => isOnPath('qemu-aarch64-static'),
  'libstdc++6-arm64-cross': () => existsSync('/usr/aarch64-linux-gnu/lib/libstdc++.so.6'),
  debootstrap: () => isOnPath('debootstrap'),
  lintian: () => isOnPath('lintian'),
  rpm: () => isOnPath('rpmbuild'),
  rpmlint: () => isOnPath('rpmlint'),
  makepkg: () => isOnPath('makepkg'),
  'pacman-package-manager': () => isOnPath('pacman'),
  'libarchive-tools': () => isOnPath('bsdtar'),
  buildah: () => isOnPath('buildah'),
  podman: () => isOnPath('podman'),
  'busybox-static': () => isOnPath('busybox'),
  runc: () => isOnPath('runc'),
  catatonit: () => existsSync('/usr/bin/catatonit') || existsSync('/usr/libexec/podman/catatonit'),
  'zbar-tools': () => isOnPath('zbarimg'),
  dbus: () => isOnPath('dbus-run-session'),
  'libglib2.0-bin': () => isOnPath('gsettings'),
  'gsettings-desktop-schemas': () =>
    existsSync('/usr/share/glib-2.0/schemas/org.gnome.system.proxy.gschema.xml'),
  'dconf-gsettings-backend': () => existsSync('/usr/libexec/dconf-service'),
  'dconf-cli': () => isOnPath('dconf'),
  'libkf5config-bin': () => isOnPath('kwriteconfig5'),
  gcc: () => isOnPath('gcc'),
  'libc6-dev': () => existsSync('/usr/include/stdio.h'),
  postgresql: () => postgresqlPrograms() !== undefined,
  // For `systemd-analyze`, which needs no running systemd.
  systemd: () => isOnPath('systemd-analyze'),
} as const;

export type PackageName = keyof typeof PACKAGES;

/** CAP_NET_ADMIN and CAP_SYS_ADMIN, as the bits of capabilities(7). */
const CAPABILITIES = (1n << 12n) | (1n << 21n);

/** Something that a test needs of the machine besides Node.js. */
interface Requirement {
  readonly packages?: readonly PackageName[];
  /** What only root may do. */
  readonly forRoot?: string;
  /** What else is wrong with the machine. */
  whyNot?(): string | undefined;
  /** A machine for CI may be without it. */
  isOptional?: boolean;
}

const REQUIREMENTS = {
  /** See system/support/namespaces.ts. */
  network: {
    packages: ['iproute2', 'nftables', 'curl'],
    forRoot: 'network namespaces',
  },
  /** See bed/bed.ts. */
  bed: { packages: ['iproute2', 'gcc', 'libc6-dev'], forRoot: 'network namespaces', whyNot: whyNoBed },
  mounts: { forRoot: 'mounts' },
  mptcp: {
    whyNot: () => (existsSync('/proc/sys/net/mptcp/enabled') ? undefined : 'the kernel has no MPTCP'),
  },
  /** Its functions, called without a compiler. */
  libc: { whyNot: () => loadNative().reason },
  compiler: { packages: ['gcc', 'libc6-dev'] },
  curl: { packages: ['curl'] },
  nginx: { packages: ['nginx-light'] },
  chromium: { packages: ['chromium'] },
  proxychains: { packages: ['proxychains4'] },
  wrk: { packages: ['wrk'] },
  wget: { packages: ['wget'] },
  git: { packages: ['git'] },
  rsync: { packages: ['rsync'] },
  ssh: { packages: ['openssh-client', 'openssh-server'], forRoot: 'an sshd of its own' },
  netcat: { packages: ['netcat-openbsd'] },
  connectProxy: { packages: ['connect-proxy'] },
  python: { packages: ['python3-requests', 'python3-socks'] },
  dig: { packages: ['bind9-dnsutils'] },
  redsocks: { packages: ['redsocks'] },
  iperf3: { packages: ['iperf3'] },
  haproxy: { packages: ['haproxy'] },
  caddy: { packages: ['caddy'] },
  ftp: { packages: ['lftp', 'dante-client', 'python3-pyftpdlib'] },
  firefox: { packages: ['firefox-esr'] },
  java: { packages: ['default-jre-headless'] },
  webSockets: { packages: ['python3-websocket', 'python3-websockets', 'python3-python-socks'] },
  torsocks: { packages: ['torsocks'] },
  /** Its package starts a service where it is installed, so nobody is asked to install it. */
  torResolve: {
    whyNot: () =>
      isOnPath('tor-resolve') ? undefined : 'tor-resolve is not there (package tor, which starts a service)',
    isOptional: true,
  },
  /** No package has it: docs/whole-network.md says where it comes from. */
  hevSocks5Tunnel: {
    whyNot: () =>
      isOnPath('hev-socks5-tunnel') ? undefined : 'hev-socks5-tunnel is not there; no Debian package has it',
    isOptional: true,
  },
  prometheus: { packages: ['prometheus'] },
  bash: { whyNot: () => (isOnPath('bash') ? undefined : 'there is no bash') },
  zsh: { packages: ['zsh'] },
  fish: { packages: ['fish'] },
  man: { packages: ['man-db'] },
  mandoc: { packages: ['mandoc'] },
  /** Installs Debian into a folder. */
  debian: { packages: ['debootstrap'], forRoot: 'mounts' },
  lintian: { packages: ['lintian'] },
  signatures: { packages: ['minisign', 'openssl'] },
  rpm: { packages: ['rpm', 'rpmlint'] },
  arch: { packages: ['makepkg', 'pacman-package-manager', 'libarchive-tools'] },
  /** Builds and runs container images, without a registry. */
  containers: { packages: ['debootstrap', 'buildah', 'podman', 'runc', 'catatonit'], forRoot: 'containers' },
  zbar: { packages: ['zbar-tools'] },
  /** Settings of desktops, with the tools that write and read them. */
  desktops: {
    packages: [
      ...(['dbus', 'libglib2.0-bin', 'gsettings-desktop-schemas'] as const),
      ...(['dconf-gsettings-backend', 'dconf-cli', 'libkf5config-bin'] as const),
    ],
  },
  /** A shell and tools without libraries, as on routers. */
  busybox: { packages: ['busybox-static'], forRoot: 'a root file system of its own' },
  /** Programs for another processor. */
  arm64: { packages: ['qemu-user-static', 'libstdc++6-arm64-cross'] },
  /** Every Debian has it. */
  pseudoTerminal: {
    whyNot: () =>
      isOnPath('script') ? undefined : 'there is no `script` (util-linux), which makes terminals',
  },
  systemd: { packages: ['systemd'] },
  /** Servers that the tests start themselves; see support/postgres.ts. */
  postgres: { packages: ['postgresql'] },
  /** CI may work on a checkout without history. One that has it all must have this, too: then the test runs, and says so. */
  previousRelease: { whyNot: whyNoPreviousRelease, isOptional: true },
} as const satisfies Record<string, Requirement>;

export type Need = keyof typeof REQUIREMENTS;

/** What this machine lacks for a test. */
export interface Lack {
  readonly reason: string;
  readonly packages: readonly PackageName[];
  readonly isRootLacking: boolean;
}

declare module 'vitest' {
  interface TaskMeta {
    /** Why the test is skipped. */
    lack?: Lack;
  }
}

/**
 * Options for `describe` and `test`: skipped on a machine that lacks something of this, with the reason for the summary of the
 * run. Throws instead in CI, which has to have all of it that is not optional.
 */
export function needs(...all: readonly Need[]): TestOptions {
  const requirements: readonly Requirement[] = all.map((need) => REQUIREMENTS[need]);
  const lack = lackOf(requirements);
  if (lack === undefined) return {};
  const isCi = process.env.CI === 'true';
  if (isCi && lackOf(requirements.filter(({ isOptional = false }) => !isOptional)) !== undefined)
    throw new Error(`this machine lacks what the tests need: ${lack.reason}`);
  return { skip: true, meta: { lack } };
}

function lackOf(requirements: readonly Requirement[]): Lack | undefined {
  const right = missingRight();
  const reasons = requirements.flatMap(({ forRoot, whyNot }) => {
    if (forRoot !== undefined && right !== undefined) return `${forRoot} need ${right}`;
    return whyNot?.() ?? [];
  });
  const needed = new Set(requirements.flatMap(({ packages = [] }) => packages));
  const packages = [...needed].filter((name) => !PACKAGES[name]());
  if (packages.length > 0) reasons.push(`not installed: ${packages.join(', ')}`);
  const [reason] = reasons;
  if (reason === undefined) return undefined;
  const isForRoot = requirements.some(({ forRoot }) => forRoot !== undefined);
  return { reason, packages, isRootLacking: right === 'root' && isForRoot };
}

/** What this process lacks to make namespaces: root has not everything in a container. */
function missingRight(): string | undefined {
  if (process.platform !== 'linux') return 'Linux';
  if (process.getuid?.() !== 0) return 'root';
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
  const has = BigInt(`0x${effective ?? '0'}`);
  return (has & CAPABILITIES) === CAPABILITIES ? undefined : 'CAP_NET_ADMIN and CAP_SYS_ADMIN';
}
