import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { Program } from '../../end-to-end/support/program.ts';

/** Where a bundle is put in it. */
const PLACE = '/opt/tributary';
const TIMEOUT_MS = 30_000;
/** For what makes the root; in it, there is nothing at these places. */
const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };
/** The processes of a root see themselves alone, and all end with the first of them. */
const UNSHARE = ['--mount', '--pid', '--fork', '--kill-child'];

/**
 * A root file system with a bundle, a shell, and the libraries that these two name, from this machine: no Node.js, no packages, no
 * configuration. It shares the network with this machine.
 */
export class CleanRoot {
  readonly folder = mkdtempSync(join(tmpdir(), 'tributary-root-'));

  constructor(bundle: string) {
    for (const each of ['proc', 'dev', 'tmp', 'etc', 'bin']) mkdirSync(join(this.folder, each));
    cpSync(bundle, join(this.folder, PLACE), { recursive: true });
    this.#take('/bin/sh');
    for (const library of [...librariesOf('/bin/sh'), ...librariesOf(join(bundle, 'lib/node'))]) {
      this.#take(library);
    }
    for (const device of ['null', 'urandom']) {
      execFileSync('cp', ['--archive', `/dev/${device}`, join(this.folder, 'dev')]);
    }
    writeFileSync(join(this.folder, 'etc/passwd'), 'root:x:0:0:root:/:/bin/sh\n');
    onTestFinished(() => rmSync(this.folder, { recursive: true, force: true }));
  }

  /** Runs one of the programs to its end. Throws unless it succeeds. @returns what it prints */
  run(program: string, args: readonly string[], input = ''): string {
    const { stdout, stderr, status } = spawnSync('unshare', this.#command(program, args), {
      ...{ input, encoding: 'utf8', timeout: TIMEOUT_MS, env: ENVIRONMENT },
    });
    if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status}: ${stderr}`);
    return stdout;
  }

  /** Starts one of the programs, which ends with the test. */
  start(program: string, args: readonly string[]): Program {
    const started = new Program('unshare', this.#command(program, args), { env: ENVIRONMENT });
    onTestFinished(() => started.kill());
    return started;
  }

  #command(program: string, args: readonly string[]): readonly string[] {
    const mount = `--mount-proc=${join(this.folder, 'proc')}`;
    return [...UNSHARE, mount, '--', 'chroot', this.folder, join(PLACE, 'bin', program), ...args];
  }

  #take(file: string): void {
    const place = join(this.folder, file);
    mkdirSync(dirname(place), { recursive: true });
    cpSync(file, place, { dereference: true });
  }
}

/** Files that the dynamic linker loads for a program, and the linker. */
function librariesOf(program: string): readonly string[] {
  const text = execFileSync('ldd', [program], { encoding: 'utf8' });
  return [...text.matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path!);
}
