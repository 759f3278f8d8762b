/* Where install.sh takes a bundle from, and whom it believes: releases at an address, signed or not, right and wrong. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { generateKeyPairSync, sign } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROJECT_FOLDER } from '../end-to-end/support/program.ts';
import { needs } from '../support/needs.ts';
import { makeDebianBases } from './support/debian-base.ts';
import { DebianRoot, type Ran } from './support/debian-root.ts';
import { makeFakeRelease, writeSums } from './support/fake-release.ts';
import { bundleName } from './support/release.ts';

const TIMEOUT_MS = 600_000;
const RELEASE = '1.0.0';
const ARCHIVE = `${bundleName(RELEASE)}.tar.gz`;
const TOOLS = ['curl', 'wget', 'openssl', 'minisign'] as const;
/** The keys of the maker, and of somebody else. */
const PEM = ['pem', 'other.pem'] as const;
const MINISIGN = ['pub', 'other.pub'] as const;

const NOT_OF_KEY = /signature of SHA256SUMS is not of/;

describe('install.sh', { ...needs('debian', 'signatures', 'curl', 'wget'), timeout: TIMEOUT_MS }, () => {
  const work = mkdtempSync(join(tmpdir(), 'tributary-source-'));
  let root: DebianRoot;
  let server: ChildProcess;
  let before: readonly string[];
  let addresses: Readonly<Record<'http' | 'https', string>>;

  beforeAll(async () => {
    await makeDebianBases([12]);
    root = new DebianRoot(12);
    for (const tool of TOOLS) lend(root, tool);
    makeReleases(work, join(root.changes, 'root'));
    copyFileSync(join(PROJECT_FOLDER, 'deploy/install.sh'), join(root.changes, 'root/install.sh'));
    const certificate = ['server.key', 'server.crt'].map((name) => join(work, name)) as [string, string];
    makeCertificate(...certificate);
    copyFileSync(certificate[1], join(root.changes, 'root/ca.pem'));
    writeFileSync(join(root.changes, 'root/wgetrc'), 'ca_certificate = /root/ca.pem\n');
    const program = join(PROJECT_FOLDER, 'test/release/support/serve.mjs');
    server = spawn(process.execPath, [program, work, ...certificate], { stdio: ['pipe', 'pipe', 'inherit'] });
    const [ports] = (await once(server.stdout!, 'data')) as [Buffer];
    const [http, https] = String(ports).trim().split(' ');
    addresses = { http: `http://127.0.0.1:${http}`, https: `https://127.0.0.1:${https}` };
    before = root.paths();
  }, TIMEOUT_MS);
  afterAll(() => {
    server?.stdin?.end();
    root?.remove();
    rmSync(work, { recursive: true, force: true });
  }, TIMEOUT_MS);

  /** With these tools of TOOLS alone. */
  const install = (
    tools: readonly string[],
    args: readonly string[],
    start = 'sh /root/install.sh "$@"',
  ): Ran =>
    root.run('sh', [
      '-c',
      `export CURL_CA_BUNDLE=/root/ca.pem WGETRC=/root/wgetrc PATH=${tools.map((tool) => `/tools/${tool}:`).join('')}$PATH; ${start}`,
      'sh',
      '--public',
      'vps.example.org',
      ...args,
    ]);
  const expectRefused = ({ status, stderr }: Ran, words: RegExp) => {
    expect(stderr).toMatch(words);
    expect(status).toBe(1);
    expect(root.paths()).toEqual(before);
  };
  const expectTaken = (ran: Ran, words: RegExp) => {
    expect(ran).toMatchObject({ status: 0, stdout: 'tributary://link\n' });
    expect(ran.stderr).toMatch(words);
    expect(root.run('sh', ['/root/install.sh', '--uninstall']).status).toBe(0);
    expect(root.paths()).toEqual(before);
  };

  describe.each(['curl', 'wget'])('by %s', (fetcher) => {
    it.each<[place: string, key: string | undefined, isTaken: boolean, words: RegExp]>([
      ['good', PEM[0], true, /The signature is right/],
      ['good', MINISIGN[0], true, /The signature is right/],
      ['good', undefined, true, /No --key was given/],
      ['good', PEM[1], false, NOT_OF_KEY],
      ['good', MINISIGN[1], false, NOT_OF_KEY],
      ['edited', PEM[0], false, NOT_OF_KEY],
      ['edited', MINISIGN[0], false, NOT_OF_KEY],
      ['unsigned', PEM[0], false, /no SHA256SUMS\.sig in/],
      ['unsigned', MINISIGN[0], false, /no SHA256SUMS\.minisig in/],
      ['damaged', PEM[0], false, /is damaged/],
      ['damaged', undefined, false, /is damaged/],
      ['nowhere', undefined, false, /no SHA256SUMS in/],
    ])('judges what is %s with the key %s: taken %s', (place, key, isTaken, words) => {
      const keyArgs = key === undefined ? [] : ['--key', `/root/key.${key}`];
      const ran = install(
        [fetcher, 'openssl', 'minisign'],
        ['--from', `${addresses.https}/${place}`, ...keyArgs],
      );
      if (isTaken) expectTaken(ran, words);
      else expectRefused(ran, words);
    });

    it('takes what is signed over http, too', () => {
      const args = ['--from', `${addresses.http}/good/`, '--key', '/root/key.pem'];
      expectTaken(install([fetcher, 'openssl'], args), /The signature is right/);
    });

    it('is not led from https to http', () => {
      expectRefused(install([fetcher], ['--from', `${addresses.https}/redirect/good`]), /no SHA256SUMS in/);
    });
  });

  it('says that a tool for the key is missing', () => {
    for (const [key, tool] of [
      ['pem', 'openssl'],
      ['pub', 'minisign'],
    ] as const) {
      const args = ['--from', `${addresses.https}/good`, '--key', `/root/key.${key}`];
      expectRefused(install(['curl'], args), new RegExp(`${tool} is missing`));
    }
  });

  it.each([
    ['the current folder', 'cd /root/good'],
    ['the folder of a shell', 'cp -r /root/good/. /tmp && touch /tmp/sh && cd /tmp'],
  ])('takes nothing from %s when it comes by a pipe', (_, setting) => {
    const ran = install([], [], `${setting} && sh -s -- "$@" < /root/install.sh`);
    expectRefused(ran, /say by --from where the bundle is/);
  });

  it('checks in a folder what it checks at an address', () => {
    const from = (place: string) =>
      install(['openssl'], ['--from', `/root/${place}`, '--key', '/root/key.pem']);
    expectTaken(from('good'), /The signature is right/);
    expectRefused(from('edited'), NOT_OF_KEY);
  });
});

/** Makes each kind below `folder` and, for those that are read there, below `inRoot`, with the public keys. */
function makeReleases(folder: string, inRoot: string): void {
  const place = (name: string) => join(folder, name);
  mkdirSync(place('unsigned'));
  makeFakeRelease(place('unsigned'), { version: RELEASE });
  cpSync(place('unsigned'), place('good'), { recursive: true });
  mkdirSync(inRoot);
  const own = generateKeyPairSync('ed25519');
  const other = generateKeyPairSync('ed25519');
  for (const [name, { publicKey }] of [
    ['key.pem', own],
    ['key.other.pem', other],
  ] as const) {
    writeFileSync(join(inRoot, name), publicKey.export({ type: 'spki', format: 'pem' }));
  }
  const sums = join(place('good'), 'SHA256SUMS');
  writeFileSync(`${sums}.sig`, sign(null, readFileSync(sums), own.privateKey));
  for (const name of ['key', 'key.other']) {
    const files = ['-p', join(inRoot, `${name}.pub`), '-s', place(name)];
    execFileSync('minisign', ['-G', '-W', ...files], { stdio: 'ignore' });
  }
  execFileSync('minisign', ['-S', '-W', '-s', place('key'), '-m', sums], { stdio: 'ignore' });
  for (const name of ['edited', 'damaged']) {
    cpSync(place('good'), place(name), { recursive: true });
    writeFileSync(join(place(name), ARCHIVE), 'something else');
  }
  writeSums(place('edited'), RELEASE);
  for (const name of ['good', 'edited']) cpSync(place(name), join(inRoot, name), { recursive: true });
}

function makeCertificate(key: string, certificate: string): void {
  const names = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const files = ['-keyout', key, '-out', certificate];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ed25519', '-nodes', ...names, ...files], {
    stdio: 'ignore',
  });
}

/** A program of this machine with all that it needs, as /tools/NAME/NAME: the root's system stays the smallest. */
function lend(root: DebianRoot, name: string): void {
  const folder = join(root.changes, 'tools', name);
  mkdirSync(join(folder, 'lib'), { recursive: true });
  const program = execFileSync('which', [name], { encoding: 'utf8' }).trim();
  copyFileSync(program, join(folder, 'lib', `${name}.bin`));
  const libraries = execFileSync('ldd', [program], { encoding: 'utf8' }).match(/\/\S+/g) ?? [];
  for (const file of libraries)
    copyFileSync(file, join(folder, 'lib', file.slice(file.lastIndexOf('/') + 1)));
  const loader = libraries.find((file) => file.includes('/ld-'))!.replace(/.*\//, '');
  const here = `/tools/${name}/lib`;
  const text = `#!/bin/sh\nexec ${here}/${loader} --library-path ${here} ${here}/${name}.bin "$@"\n`;
  writeFileSync(join(folder, name), text, { mode: 0o755 });
}
