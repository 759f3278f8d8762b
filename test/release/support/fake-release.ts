import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT_FOLDER } from '../../end-to-end/support/program.ts';
import { DebianRoot } from './debian-root.ts';
import { bundleName } from './release.ts';

/** How the programs of a bundle behave. */
export interface FakePrograms {
  readonly version: string;
  /** With what `check` ends. */
  readonly check?: number;
  /** With what a program ends that is to run; 0 stands for one that stays up. */
  readonly run?: number;
}

const PROGRAMS = ['tributary-client', 'tributary-concentrator'] as const;

/** A release whose programs are scripts of some lines: what install.sh does with it takes no time. Its files go to `folder`. */
export function makeFakeRelease(folder: string, programs: FakePrograms): void {
  const name = bundleName(programs.version);
  const bundle = join(folder, name);
  for (const place of ['bin', 'lib', 'share/man/man1', 'share/tributary/systemd']) {
    mkdirSync(join(bundle, place), { recursive: true });
  }
  for (const program of PROGRAMS) {
    writeFileSync(join(bundle, 'bin', program), programText(program, programs), { mode: 0o755 });
    writeFileSync(join(bundle, `share/tributary/systemd/${program}.service`), 'Documentation=none\n');
  }
  execFileSync('tar', ['-czf', `${name}.tar.gz`, name], { cwd: folder });
  rmSync(bundle, { recursive: true });
  writeSums(folder, programs.version);
}

/** Makes them again, as somebody would who has changed the archive. */
export function writeSums(folder: string, version: string): void {
  const sums = execFileSync('sha256sum', [`${bundleName(version)}.tar.gz`], { cwd: folder });
  writeFileSync(join(folder, 'SHA256SUMS'), sums);
}

function programText(program: string, { version, check = 0, run = 0 }: FakePrograms): string {
  return `#!/bin/sh
case "$1" in
--version) echo ${version} ;;
check) echo 'listn: no such key' >&2 && exit ${check} ;;
init) echo made > /etc/tributary/${program}.yaml && echo tributary://link ;;
join)
  read -r link
  case $link in tributary:*) echo made > "\${TRIBUTARY_CONFIG:-/etc/tributary/${program}.yaml}" ;; *) exit 2 ;; esac
  ;;
'') exit ${run} ;;
esac
`;
}

/**
 * In place of systemd's: keeps below /run/fake what is enabled, the state of each service, and the version that was started last. A service
 * is what its program does at once.
 */
const FAKE_SYSTEMCTL = `#!/bin/sh
for last; do :; done
state=/run/fake/\${last%.service}
mkdir -p /run/fake
case " $* " in
*' show '*) cat $state.pid 2> /dev/null || echo 0 ;;
*' is-active '*) cat $state 2> /dev/null || echo inactive; grep -qs '^active' $state ;;
*' is-enabled '*) [ -e $state.enabled ] ;;
*' enable '*) touch $state.enabled ;;
*' stop '*) rm -f $state ;;
*' disable '*) rm -f $state.enabled $state ;;
*' restart '*)
  command=/opt/tributary/current/bin/\${last%.service}
  echo $(($(cat $state.pid 2> /dev/null || echo 100000) + 1)) > $state.pid
  if $command; then echo active; else echo failed; fi > $state
  $command --version > $state.version
  ;;
esac
`;

/** A Debian with such releases and install.sh in /root, where that script is systemd. */
export function scriptedRoot(releases: string): DebianRoot {
  const root = new DebianRoot(12);
  const inRoot = (path: string) => join(root.changes, path);
  cpSync(releases, inRoot('root'), { recursive: true });
  copyFileSync(join(PROJECT_FOLDER, 'deploy/install.sh'), inRoot('root/install.sh'));
  mkdirSync(inRoot('run/systemd/system'), { recursive: true });
  mkdirSync(inRoot('usr/bin'), { recursive: true });
  writeFileSync(inRoot('usr/bin/systemctl'), FAKE_SYSTEMCTL, { mode: 0o755 });
  // Nothing here takes time that a script would have to wait for.
  writeFileSync(inRoot('usr/bin/sleep'), '#!/bin/sh\n', { mode: 0o755 });
  return root;
}
