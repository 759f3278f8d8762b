import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { releaseChangelog } from '../../deploy/release/changelog.ts';
import { isLaterVersion, isVersion } from '../../deploy/release/version-order.ts';
import { PROJECT_FOLDER } from '../end-to-end/support/program.ts';
import { npmRun } from './support/make.ts';

const TIMEOUT_MS = 600_000;
const AS_SOMEBODY = [
  '-c',
  'safe.directory=*',
  '-c',
  'user.name=Somebody',
  '-c',
  'user.email=somebody@example.org',
];

describe('npm run release', () => {
  it(
    'makes everything with checksums and a signature in a dry run, and leaves the checkout as it was',
    async () => {
      const output = mkdtempSync(join(tmpdir(), 'tributary-release-'));
      onTestFinished(() => rmSync(output, { recursive: true, force: true }));
      const key = join(output, 'key.pem');
      openssl('genpkey', '-algorithm', 'ed25519', '-out', key);
      openssl('pkey', '-in', key, '-pubout', '-out', `${key}.pub`);
      const before = files();
      const release = join(output, 'release');
      const options = [
        '--dry-run',
        '--skip-checks',
        '--target',
        'linux-x64',
        '--output',
        release,
        '--key',
        key,
      ];
      await npmRun('release', ['999.0.0-rc.1', ...options]);
      expect(files()).toEqual(before);
      // Nothing half made is left beside it.
      expect(readdirSync(output).sort()).toEqual(['key.pem', 'key.pem.pub', 'release']);

      expect(readdirSync(release)).toEqual(
        expect.arrayContaining([
          'SHA256SUMS',
          'SHA256SUMS.sig',
          'install.sh',
          'man',
          'tributary-999.0.0-rc.1-linux-x64.tar.gz',
          'tributary-999.0.0-rc.1-linux-x64.cdx.json',
          'tributary-999.0.0-rc.1-linux-x64-licenses.txt',
          'tributary-999.0.0-rc.1.tgz',
          'tributary-client_999.0.0~rc.1_amd64.deb',
          'tributary-concentrator_999.0.0~rc.1_amd64.deb',
          'tributary-runtime_999.0.0~rc.1_amd64.deb',
          'tributary-client-999.0.0~rc.1-1.x86_64.rpm',
          'tributary-concentrator-999.0.0~rc.1-1.x86_64.rpm',
          'tributary-runtime-999.0.0~rc.1-1.x86_64.rpm',
          'PKGBUILD',
          'tributary.install',
        ]),
      );
      const check = execFileSync('sha256sum', ['--check', '--strict', 'SHA256SUMS'], {
        cwd: release,
        encoding: 'utf8',
      });
      expect(check.match(/: OK$/gm)).toHaveLength(13);
      const sums = join(release, 'SHA256SUMS');
      openssl(
        ...[
          'pkeyutl',
          '-verify',
          '-pubin',
          '-inkey',
          `${key}.pub`,
          '-rawin',
          '-in',
          sums,
          '-sigfile',
          `${sums}.sig`,
        ],
      );
    },
    TIMEOUT_MS,
  );

  it.each([
    ['0.0.1', 'is not later than'],
    ['1.x', 'is no version'],
  ])('refuses the version %s', async (version, reason) => {
    const before = files();
    await expect(npmRun('release', [version, '--dry-run', '--skip-checks'])).rejects.toThrow(reason);
    expect(files()).toEqual(before);
  });
});

describe('what npm run release refuses before it touches anything', () => {
  const VERSION = '999.0.0-rc.1';
  const temporary = () => {
    const folder = mkdtempSync(join(tmpdir(), 'tributary-release-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    return folder;
  };

  it.each([
    ["a folder with a stranger's checksums", ['SHA256SUMS', 'debian.iso']],
    ['a folder with what looks like a release', ['SHA256SUMS', 'tributary-0.1.0-linux-x64.tar.gz']],
    ['a folder with a hidden file', ['.keep']],
  ])('%s', async (_, names) => {
    const folder = temporary();
    for (const name of names) writeFileSync(join(folder, name), 'mine');
    const before = files();
    const options = ['--dry-run', '--skip-checks', '--output', folder];
    await expect(npmRun('release', [VERSION, ...options])).rejects.toThrow(/has files in it/);
    expect([readdirSync(folder).sort(), files()]).toEqual([names.toSorted(), before]);
  });

  it('a file for a folder', async () => {
    const file = join(temporary(), 'file');
    writeFileSync(file, 'mine');
    const refused = npmRun('release', [VERSION, '--dry-run', '--skip-checks', '--output', file]);
    await expect(refused).rejects.toThrow(/is no folder that can be read \(ENOTDIR\)/);
    expect(readFileSync(file, 'utf8')).toBe('mine');
  });

  it.each([
    ['is not there', undefined, /cannot be read/],
    ['is an RSA key', 'rsa', /neither a key of minisign nor an Ed25519 key/],
    ['is no key', 'hello\n', /neither a key of minisign nor an Ed25519 key/],
    ['only begins like one of minisign', 'untrusted comment: hello\nhello\n', /minisign failed/],
  ])('a key that %s', async (_, content, reason) => {
    const folder = temporary();
    const key = join(folder, 'key');
    if (content === 'rsa') openssl('genrsa', '-out', key, '2048');
    else if (content !== undefined) writeFileSync(key, content);
    const output = join(folder, 'release');
    const before = files();
    const options = ['--dry-run', '--skip-checks', '--output', output, '--key', key];
    await expect(npmRun('release', [VERSION, ...options])).rejects.toThrow(reason);
    expect([readdirSync(folder).includes('release'), files()]).toEqual([false, before]);
  });

  /** A copy of the repository, whose last commit has this version. */
  const checkoutWith = (version: string) => {
    const checkout = join(temporary(), 'checkout');
    const source = [`file://${PROJECT_FOLDER}`, checkout];
    execFileSync('git', ['-c', 'safe.directory=*', 'clone', '--quiet', '--depth=1', ...source]);
    const git = (...args: readonly string[]) =>
      execFileSync('git', [...AS_SOMEBODY, '-C', checkout, ...args], { encoding: 'utf8', stdio: 'pipe' });
    symlinkSync(join(PROJECT_FOLDER, 'node_modules'), join(checkout, 'node_modules'));
    // What is tested is what is there, and not what was committed last.
    cpSync(join(PROJECT_FOLDER, 'deploy/release'), join(checkout, 'deploy/release'), { recursive: true });
    git('add', '--all', 'deploy');
    git('commit', '--quiet', '--allow-empty', '--message', `Release ${version}`);
    return { checkout, git };
  };

  it(
    'a version that is done',
    async () => {
      const { checkout, git } = checkoutWith(VERSION);
      git('tag', `v${VERSION}`);
      const output = join(checkout, 'release', VERSION);
      mkdirSync(output, { recursive: true });
      writeFileSync(join(output, 'SHA256SUMS'), 'done');
      const before = git('rev-parse', 'HEAD', '--symbolic', '--all');
      await expect(npmRun('release', [VERSION, '--skip-checks'], { folder: checkout })).rejects.toThrow(
        `there is a tag v${VERSION} already`,
      );
      expect(git('rev-parse', 'HEAD', '--symbolic', '--all')).toBe(before);
      expect(readdirSync(output)).toEqual(['SHA256SUMS']);
    },
    TIMEOUT_MS,
  );

  it(
    'a checkout with changes, or on no branch',
    async () => {
      const { checkout, git } = checkoutWith(VERSION);
      const release = () => npmRun('release', [VERSION, '--skip-checks'], { folder: checkout });
      const before = git('rev-parse', 'HEAD', '--symbolic', '--all');
      writeFileSync(join(checkout, 'README.md'), 'mine');
      await expect(release()).rejects.toThrow(/commit these first:\s+M README\.md/);
      git('checkout', '--quiet', '--detach', '--force');
      await expect(release()).rejects.toThrow('this checkout is on no branch');
      expect(git('rev-parse', 'HEAD', '--symbolic', '--all')).toBe(before);
    },
    TIMEOUT_MS,
  );
});

describe('versions', () => {
  /** Each comes after the one before it. */
  const IN_ORDER = [
    ...[
      '0.1.0',
      '0.9.9',
      '0.10.0',
      '1.0.0-alpha',
      '1.0.0-alpha.1',
      '1.0.0-alpha.beta',
      '1.0.0-beta.2',
      '1.0.0-beta.11',
    ],
    ...['1.0.0-rc.1', '1.0.0-rc.2', '1.0.0-rc.10', '1.0.0', '1.0.1-rc.1', '1.0.1', '2.0.0'],
  ];

  it('have one order here, in packages of Debian, and where install.sh chooses a bundle', () => {
    const later = IN_ORDER.flatMap((next, i) =>
      IN_ORDER.filter((now, j) => isLaterVersion(next, now) !== i > j),
    );
    expect(later).toEqual([]);
    const debian = IN_ORDER.map((version) => version.replaceAll('-', '~'));
    const compare = 'while [ $# -gt 1 ]; do dpkg --compare-versions "$1" lt "$2" || echo "$1"; shift; done';
    expect(spawnSync('sh', ['-c', compare, 'sh', ...debian], { encoding: 'utf8' }).stdout).toBe('');
    expect(chosenByInstaller(IN_ORDER)).toEqual(IN_ORDER);
  });

  it.each(['1', '1.2', '1.2.x', 'v1.2.3', '1.2.3-', '1.2.3 ', ''])('are not such as %j', (text) => {
    expect(isVersion(text)).toBe(false);
  });
});

describe('the changelog of a release', () => {
  const TEXT =
    '# Changelog\n\n## [Unreleased]\n\n### Added\n\n- One.\n\n## [0.1.0] - 2026-01-01\n\n- Zero.\n';

  it('gets the version and its day above what was not released, and a place for what comes next', () => {
    expect(releaseChangelog(TEXT, '0.2.0', '2026-02-03')).toBe(
      '# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - 2026-02-03\n\n### Added\n\n- One.\n\n## [0.1.0] - 2026-01-01\n\n- Zero.\n',
    );
  });

  it.each([
    ['a version that it has', TEXT, '0.1.0', 'has 0.1.0 already'],
    ['nothing new', TEXT.replace('- One.\n\n', ''), '0.2.0', 'nothing under "Unreleased"'],
    ['no place', TEXT.replace('[Unreleased]', '[Next]'), '0.2.0', 'no line'],
  ])('is refused with %s', (_why, text, version, reason) => {
    expect(() => releaseChangelog(text, version, '2026-02-03')).toThrow(reason);
  });

  it('may have nothing new where nothing is released: a dry run', () => {
    const text = TEXT.replace('- One.\n\n', '');
    expect(releaseChangelog(text, '0.2.0', '2026-02-03', true)).toContain('## [0.2.0] - 2026-02-03');
  });
});

/** The bundle that install.sh takes of all of them, then that of those before it, and so on; turned round. */
function chosenByInstaller(versions: readonly string[]): readonly string[] {
  const installer = readFileSync(join(PROJECT_FOLDER, 'deploy/install.sh'), 'utf8');
  const [lines] = /^ {2}version='tributary[\s\S]*?(?=^ {2}\[ -n "\$line")/m.exec(installer)!;
  const folder = mkdtempSync(join(tmpdir(), 'tributary-release-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const sums = versions.map((version) => `${'0'.repeat(64)}  tributary-${version}-linux-x64.tar.gz\n`).sort();
  writeFileSync(join(folder, 'SHA256SUMS'), sums.join(''));
  const script = `work=${folder} cpu=x64; cd "$work"
while [ -s SHA256SUMS ]; do
  ${lines}
  echo "$line"
  grep -vF "$line" SHA256SUMS > left || true
  mv left SHA256SUMS
done`;
  const chosen = execFileSync('sh', ['-euc', script], { encoding: 'utf8' });
  return [...chosen.matchAll(/tributary-(.*)-linux-x64/g)].map(([, version]) => version!).reverse();
}

/** What a release changes. */
function files(): readonly string[] {
  return ['package.json', 'package-lock.json', 'CHANGELOG.md'].map((name) =>
    readFileSync(join(PROJECT_FOLDER, name), 'utf8'),
  );
}

function openssl(...args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: 'pipe' });
}
