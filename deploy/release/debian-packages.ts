import {
  chmod,
  copyFile,
  cp,
  mkdir,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { fillTemplate } from './fill-template.ts';
import { packageVersion } from './package-version.ts';
import { dataToRemove, type PROGRAM_DATA } from './program-data.ts';
import { PROJECT_FOLDER, run } from './project.ts';
import type { Target } from './targets.ts';

/**
 * Makes Debian's packages from a bundle: `tributary-runtime`, which is Node.js with the code of both programs, and one for each
 * program, with its command, service and user. Needs dpkg-deb. Resolves to their files, which are the same whenever they are made.
 *
 * @param bundle the folder of a bundle for the target
 */
export async function makeDebianPackages(
  target: Target,
  bundle: string,
  output: string,
  epochSeconds: number,
): Promise<readonly string[]> {
  const architecture = target.cpu === 'x64' ? 'amd64' : 'arm64';
  const make = async (details: PackageDetails, fill: (root: string) => Promise<void>) => {
    const root = join(output, `.${details.name}-${architecture}`);
    await rm(root, { recursive: true, force: true });
    await fill(root);
    await writeDocuments(root, details.name, epochSeconds);
    await writeControl(root, architecture, details);
    const file = join(output, `${details.name}_${DEBIAN_VERSION}_${architecture}.deb`);
    // Whatever umask it is made under.
    await run('chmod', ['-R', 'u=rwX,go=rX', root]);
    const environment = { SOURCE_DATE_EPOCH: String(epochSeconds) };
    await run('dpkg-deb', ['--root-owner-group', '-Zxz', '-z1', '--build', root, file], environment);
    await rm(root, { recursive: true });
    return file;
  };
  const files = [await make(RUNTIME, (root) => fillRuntime(root, bundle))];
  for (const program of PROGRAMS)
    files.push(await make(program, (root) => fillProgram(root, bundle, program)));
  return files;
}

interface PackageDetails {
  readonly name: string;
  readonly depends: string;
  readonly recommends?: string;
  /** For people: one line, and more. */
  readonly synopsis: string;
  readonly description: readonly string[];
}

interface ProgramDetails extends PackageDetails {
  readonly name: keyof typeof PROGRAM_DATA;
  readonly units: readonly string[];
}

const DEBIAN_VERSION = packageVersion('~');

const RUNTIME: PackageDetails = {
  name: 'tributary-runtime',
  // What Node.js is linked with.
  depends: 'libc6 (>= 2.28), libstdc++6, libgcc-s1',
  synopsis: 'multipath aggregation proxy, code of both programs',
  description: ['Node.js and the code that tributary-client and tributary-concentrator run.'],
};
const SAME_RUNTIME = `tributary-runtime (= ${DEBIAN_VERSION}), adduser`;
const PROGRAMS: readonly ProgramDetails[] = [
  {
    name: 'tributary-client',
    depends: SAME_RUNTIME,
    recommends: 'iproute2',
    synopsis: 'multipath aggregation proxy, for a machine with several uplinks',
    description: [
      'A proxy by SOCKS5, SOCKS4 and HTTP that stripes connections over several',
      'uplinks, such as Wi-Fi, LTE and DSL. Its other end is the package',
      'tributary-concentrator on a server.',
    ],
    units: ['tributary-client.service', 'tributary-client.socket'],
  },
  {
    name: 'tributary-concentrator',
    depends: SAME_RUNTIME,
    synopsis: 'multipath aggregation proxy, the end on a server',
    description: [
      'Puts together what tributary-client has striped over several uplinks,',
      'and forwards it to its destinations.',
    ],
    units: ['tributary-concentrator.service'],
  },
];

const LIBRARY = 'usr/lib/tributary';

async function fillRuntime(root: string, bundle: string): Promise<void> {
  await copyTree(join(bundle, 'lib'), join(root, LIBRARY, 'lib'));
  await copyTo(
    join(bundle, 'share/tributary/takes-configuration.sh'),
    join(root, LIBRARY, 'takes-configuration.sh'),
    0o755,
  );
  for (const name of ['sbom.cdx.json', 'LICENSES.txt']) {
    await copyTo(
      join(bundle, 'share/doc/tributary', name),
      join(root, 'usr/share/doc/tributary-runtime', name),
    );
  }
  await writeTo(
    join(root, 'usr/share/lintian/overrides/tributary-runtime'),
    await fromDebian('overrides', {}),
  );
}

async function fillProgram(root: string, bundle: string, program: ProgramDetails): Promise<void> {
  const { name, units } = program;
  await copyTo(join(bundle, 'bin', name), join(root, LIBRARY, 'bin', name), 0o755);
  await mkdir(join(root, 'usr/bin'), { recursive: true });
  await symlink(`../lib/tributary/bin/${name}`, join(root, 'usr/bin', name));
  const share = join(root, 'usr/share');
  await writeTo(
    join(share, 'man/man1', `${name}.1.gz`),
    gzip(await readFile(join(bundle, 'share/man/man1', `${name}.1`))),
  );
  for (const [from, to] of completionsOf(name)) await copyTo(join(bundle, 'share', from), join(share, to));
  for (const unit of units) {
    const text = await readFile(join(PROJECT_FOLDER, 'deploy', unit), 'utf8');
    const documented = text.replace(/^Documentation=.*$/m, `Documentation=man:${name}(1)`);
    await writeTo(join(root, 'usr/lib/systemd/system', unit), documented);
  }
  await mkdir(join(root, 'etc/tributary'), { recursive: true });
  await chmod(join(root, 'etc/tributary'), 0o755);
  const words = {
    PACKAGE: name,
    OTHER: PROGRAMS.filter((other) => other !== program)
      .map((other) => other.name)
      .join(' '),
    DATA: dataToRemove(name),
    UNITS: units.join(' '),
  };
  for (const script of ['postinst', 'prerm', 'postrm']) {
    await writeTo(join(root, 'DEBIAN', script), await fromDebian(script, words), 0o755);
  }
}

/** As the bundle has it, and as Debian's shells look for it. */
function completionsOf(name: string): readonly (readonly [string, string])[] {
  return [
    [`bash-completion/completions/${name}`, `bash-completion/completions/${name}`],
    [`zsh/site-functions/_${name}`, `zsh/vendor-completions/_${name}`],
    [`fish/vendor_completions.d/${name}.fish`, `fish/vendor_completions.d/${name}.fish`],
  ];
}

async function writeDocuments(root: string, name: string, epochSeconds: number): Promise<void> {
  const folder = join(root, 'usr/share/doc', name);
  await writeTo(join(folder, 'copyright'), await fromDebian('copyright', {}));
  const date = new Date(epochSeconds * 1000).toUTCString().replace('GMT', '+0000');
  const entry = `tributary (${DEBIAN_VERSION}) unstable; urgency=medium

  * See CHANGELOG.md of the project for what has changed.

 -- ${MAINTAINER}  ${date}
`;
  await writeTo(join(folder, 'changelog.gz'), gzip(Buffer.from(entry)));
}

async function writeControl(root: string, architecture: string, details: PackageDetails): Promise<void> {
  const { name, depends, recommends, synopsis, description } = details;
  const lines = [
    `Package: ${name}`,
    `Version: ${DEBIAN_VERSION}`,
    'Source: tributary',
    `Architecture: ${architecture}`,
    `Maintainer: ${MAINTAINER}`,
    `Installed-Size: ${Math.ceil((await bytesBelow(root)) / 1024)}`,
    `Depends: ${depends}`,
    ...(recommends === undefined ? [] : [`Recommends: ${recommends}`]),
    'Section: net',
    'Priority: optional',
    `Description: ${synopsis}`,
    ...description.map((line) => ` ${line}`),
  ];
  await writeTo(join(root, 'DEBIAN/control'), `${lines.join('\n')}\n`);
}

const MAINTAINER = 'The Tributary maintainers <maintainers@tributary.invalid>';

function fromDebian(file: string, words: Readonly<Record<string, string>>): Promise<string> {
  return fillTemplate(`deploy/debian/${file}`, words);
}

function gzip(content: Uint8Array): Uint8Array {
  return gzipSync(content, { level: 9 });
}

async function bytesBelow(root: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size;
  }
  return bytes;
}

async function copyTree(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await cp(from, to, { recursive: true, dereference: true });
}

async function copyTo(from: string, to: string, mode = 0o644): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await copyFile(from, to);
  await chmod(to, mode);
}

async function writeTo(file: string, content: string | Uint8Array, mode = 0o644): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
  await chmod(file, mode);
}
