import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseDocument } from 'yaml';
import { PAGE_FILES } from '../../client-proxy/page/page-files.ts';
import { startOrigin } from '../end-to-end/support/origin.ts';
import { PROJECT_FOLDER, type Program } from '../end-to-end/support/program.ts';
import { readAll, socksConnect } from '../end-to-end/support/socks-client.ts';
import { needs } from '../support/needs.ts';
import { freePort } from '../support/ports.ts';
import { CleanRoot } from './support/clean-root.ts';
import { filesIn, npmRun } from './support/make.ts';

const MAKE_TIMEOUT_MS = 600_000;
const READY_MS = 20_000;
const MOST_BYTES_BESIDE_NODE = 60e6;
const TARGETS = ['linux-x64', 'linux-arm64'] as const;
const PROGRAMS = ['tributary-client', 'tributary-concentrator'] as const;
const { version, dependencies, optionalDependencies } = JSON.parse(
  readFileSync(join(PROJECT_FOLDER, 'package.json'), 'utf8'),
) as { version: string } & Record<'dependencies' | 'optionalDependencies', Record<string, string>>;

const made = mkdtempSync(join(tmpdir(), 'tributary-bundles-'));
const bundle = (target: string) => join(made, `tributary-${version}-${target}`);
const documents = (target: string) => join(bundle(target), 'share/doc/tributary');

beforeAll(() => npmRun('bundle', ['--no-archive', '--output', made]), MAKE_TIMEOUT_MS);
afterAll(() => rmSync(made, { recursive: true, force: true }));

/** What files of other packages have inside. */
const INSIDE_OTHERS = ['preact', 'node-addon-api', 'node-api-headers'];

describe.each(TARGETS)('the bundle for %s', (target) => {
  it('is small beside Node.js', () => {
    const files = [...filesIn(bundle(target))].filter(([path]) => path !== 'lib/node');
    const bytes = files.reduce((sum, [, file]) => sum + file.bytes, 0);
    process.stdout.write(`${target}: ${files.length} files, ${(bytes / 1e6).toFixed(1)} MB beside Node.js\n`);
    expect(bytes).toBeLessThan(MOST_BYTES_BESIDE_NODE);
  });

  it('names all that it has inside in its bill of materials, with the licence and its text', () => {
    const bill = JSON.parse(readFileSync(join(documents(target), 'sbom.cdx.json'), 'utf8')) as Bill;
    const licences = readFileSync(join(documents(target), 'LICENSES.txt'), 'utf8');
    expect([bill.bomFormat, bill.specVersion]).toEqual(['CycloneDX', '1.6']);
    const names = bill.components.map(({ group, name }) => (group === undefined ? name : `${group}/${name}`));
    const cpu = target.replace('linux-', '');
    expect(names).toEqual(
      expect.arrayContaining([
        ...Object.keys({ ...dependencies, ...optionalDependencies }),
        ...[`node-linux-${cpu}`, `@koromix/koffi-linux-${cpu}`],
        ...INSIDE_OTHERS,
      ]),
    );
    // Nothing of development.
    expect(names.filter((name) => /esbuild|typescript|vitest/.test(name))).toEqual([]);
    for (const component of bill.components) {
      expect(component.licenses).toHaveLength(1);
      if (INSIDE_OTHERS.includes(component.name)) continue;
      expect(component.purl).toMatch(/^pkg:npm\/(%40[^/]+\/)?[^/@]+@\d/);
      expect(component.hashes[0]?.content).toMatch(/^[0-9a-f]{128}$/);
    }
    const references = bill.components.map((component) => component['bom-ref']);
    expect(new Set(references).size).toBe(references.length);
    for (const name of names) expect(licences).toMatch(new RegExp(`^${name}( \\d|$)`, 'm'));
    expect(licences.match(/Permission is hereby granted/g)?.length).toBeGreaterThan(5);
  });

  it('has manual pages and completion, as the programs print them', () => {
    for (const program of PROGRAMS) {
      const share = (path: string) => readFileSync(join(bundle(target), 'share', path), 'utf8');
      expect(share(`man/man1/${program}.1`)).toContain(`"tributary ${version}"`);
      expect(share(`bash-completion/completions/${program}`)).toContain(`complete -F`);
      expect(share(`zsh/site-functions/_${program}`)).toMatch(/^#compdef /);
      expect(share(`fish/vendor_completions.d/${program}.fish`)).toContain(`complete -c ${program}`);
    }
  });
});

describe('the bundle for linux-x64', () => {
  it('starts by a link from elsewhere, and from a working directory of its own', () => {
    const link = join(made, 'linked');
    symlinkSync(join(bundle('linux-x64'), 'bin/tributary-client'), link);
    const bin = join(bundle('linux-x64'), 'bin');
    for (const [command, cwd] of [
      [link, '/'],
      ['./tributary-client', bin],
      ['../bin/tributary-client', bin],
    ] as const) {
      expect(execFileSync(command, ['--version'], { cwd, encoding: 'utf8' })).toBe(`${version}\n`);
    }
    expect(execFileSync('sh', ['tributary-client', '--version'], { cwd: bin, encoding: 'utf8' })).toBe(
      `${version}\n`,
    );
  });

  it('carries a connection over two uplinks on a root with nothing else', needs('mounts'), async () => {
    const root = new CleanRoot(bundle('linux-x64'));
    const { socksPort, metricsPort, client } = await startPair(root);
    const origin = await startOrigin((socket) => socket.end('hello'));
    const { socket } = await socksConnect({ host: '127.0.0.1', port: socksPort }, origin);
    expect(String((await readAll(socket)).bytes)).toBe('hello');
    await origin.close();

    const at = `http://127.0.0.1:${metricsPort}`;
    const status = (await (await fetch(`${at}/status`)).json()) as { uplinks: readonly unknown[] };
    expect(status.uplinks).toHaveLength(2);
    // It complains where koffi's library cannot be loaded.
    expect(client.output).not.toContain('no native socket calls');
    for (const path of PAGE_FILES.keys()) {
      expect([path, (await fetch(`${at}${path}`)).status]).toEqual([path, 200]);
    }
  });
});

describe('the bundle for linux-arm64', () => {
  const node = join(bundle('linux-arm64'), 'lib/node');
  const library = join(
    bundle('linux-arm64'),
    'lib/node_modules/@koromix/koffi-linux-arm64/linux_arm64/koffi.node',
  );

  it('has programs for arm64', () => {
    for (const file of [node, library]) {
      const header = readFileSync(file).subarray(0, 20);
      expect(header.subarray(0, 6)).toEqual(Buffer.from('\x7fELF\x02\x01', 'latin1'));
      expect(header.readUInt16LE(18)).toBe(EM_AARCH64);
    }
  });

  it('runs on an emulated processor, with the library of koffi', needs('arm64'), () => {
    const emulated = (...args: string[]) =>
      spawnSync('qemu-aarch64-static', ['-L', '/usr/aarch64-linux-gnu', node, ...args], { encoding: 'utf8' });
    const main = (program: string) => join(bundle('linux-arm64'), 'lib', `${program}.js`);
    for (const program of PROGRAMS) expect(emulated(main(program), '--version').stdout).toBe(`${version}\n`);
    const koffi = join(bundle('linux-arm64'), 'lib/node_modules/koffi');
    expect(emulated('-p', `require('${koffi}').load(null).func('int getpid()')() > 0`).stdout).toBe('true\n');
  });
});

describe('the bundles for musl', () => {
  const MUSL = { 'linux-x64-musl': EM_X86_64, 'linux-arm64-musl': EM_AARCH64 };
  const names = Object.keys(MUSL);

  beforeAll(
    () =>
      npmRun('bundle', ['--no-archive', '--output', made, ...names.flatMap((name) => ['--target', name])]),
    MAKE_TIMEOUT_MS,
  );

  it.each(Object.entries(MUSL))('have for %s the library of koffi, and no Node.js', (target, machine) => {
    const files = [...filesIn(bundle(target)).keys()];
    const libraries = files.filter((file) => file.endsWith('.node'));
    const cpu = target.split('-')[1]!;
    expect(libraries).toEqual([`lib/node_modules/@koromix/koffi-linux-${cpu}/musl_${cpu}/koffi.node`]);
    expect(readFileSync(join(bundle(target), libraries[0]!)).readUInt16LE(18)).toBe(machine);
    expect(files).not.toContain('lib/node');
    const bill = JSON.parse(readFileSync(join(documents(target), 'sbom.cdx.json'), 'utf8')) as Bill;
    expect(bill.components.map(({ name }) => name)).not.toContain(`node-linux-${cpu}`);
  });

  it('run with the Node.js of the machine, or with one that is put beside the programs', () => {
    const folder = bundle('linux-x64-musl');
    const program = join(folder, 'bin/tributary-client');
    const run = (path: string) =>
      spawnSync(program, ['--version'], { env: { PATH: path }, encoding: 'utf8' });
    expect(run(`${dirname(process.execPath)}:/usr/bin:/bin`).stdout).toBe(`${version}\n`);
    expect(run('/nonexistent').status).toBe(127);
    symlinkSync(process.execPath, join(folder, 'lib/node'));
    expect(run('/nonexistent').stdout).toBe(`${version}\n`);
  });
});

/** ELF's e_machine. */
const EM_X86_64 = 62;
const EM_AARCH64 = 183;

interface Bill {
  readonly bomFormat: string;
  readonly specVersion: string;
  readonly components: readonly {
    readonly 'bom-ref': string;
    readonly group?: string;
    readonly name: string;
    readonly purl: string;
    readonly licenses: readonly unknown[];
    readonly hashes: readonly { readonly content: string }[];
  }[];
}

/** Both programs in a root, set up by their own commands. */
async function startPair(
  root: CleanRoot,
): Promise<{ socksPort: number; metricsPort: number; client: Program }> {
  const [port, socksPort, metricsPort] = await Promise.all([freePort(), freePort(), freePort()]);
  const address = `127.0.0.1:${port}`;
  const etc = '/etc/tributary';
  const link = root.run('tributary-concentrator', ['init', '--public', address, '--listen', address]);
  root.run('tributary-client', ['join', '-', '--socks', `127.0.0.1:${socksPort}`], link);
  const amend = (name: string, changes: Record<string, unknown>) => {
    const file = join(root.folder, etc, `${name}.yaml`);
    const document = parseDocument(readFileSync(file, 'utf8'));
    for (const [key, value] of Object.entries(changes)) document.set(key, value);
    writeFileSync(file, String(document));
  };
  amend('tributary-concentrator', { egress: { allow: ['127.0.0.0/8'] }, metrics: false });
  amend('tributary-client', {
    uplinks: [
      { name: 'left', address: '127.0.0.2' },
      { name: 'right', address: '127.0.0.3' },
    ],
    metrics: { listen: `127.0.0.1:${metricsPort}` },
  });
  root.start('tributary-concentrator', []);
  const client = root.start('tributary-client', []);
  await untilReady(`http://127.0.0.1:${metricsPort}/readyz`);
  return { socksPort, metricsPort, client };
}

async function untilReady(url: string): Promise<void> {
  const limit = AbortSignal.timeout(READY_MS);
  while (!(await fetch(url).catch(() => undefined))?.ok) {
    limit.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
