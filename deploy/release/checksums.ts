import { createHash, createPrivateKey, sign } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ReleaseError, run } from './project.ts';

export const CHECKSUMS_NAME = 'SHA256SUMS';

/** Writes the checksums of all files of a folder into it, as sha256sum(1) reads them. Resolves to their names. */
export async function writeChecksums(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  const files = names.filter((name) => !name.startsWith(CHECKSUMS_NAME)).sort();
  const lines: string[] = [];
  for (const name of files) lines.push(`${await checksum(join(folder, name))}  ${name}\n`);
  await writeFile(join(folder, CHECKSUMS_NAME), lines.join(''));
  return files;
}

/** SHA-256 of a file, in hexadecimal digits. */
export async function checksum(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

/**
 * Signs the checksums of a folder: by minisign for a key of it, otherwise with an Ed25519 key in PEM, so that `openssl pkeyutl -verify
 * -rawin` checks it. Rejects with ReleaseError. Resolves to the name of the signature.
 */
export async function signChecksums(folder: string, keyFile: string): Promise<string> {
  const checksums = join(folder, CHECKSUMS_NAME);
  const key = await readFile(keyFile, 'utf8');
  if (key.startsWith('untrusted comment:')) {
    await run('minisign', ['-S', '-s', keyFile, '-m', checksums]);
    return `${CHECKSUMS_NAME}.minisig`;
  }
  const name = `${CHECKSUMS_NAME}.sig`;
  await writeFile(join(folder, name), sign(null, await readFile(checksums), ed25519Key(key, keyFile)));
  return name;
}

/** Signs something small, so that a key that cannot sign is known of before all is made. Rejects with ReleaseError. */
export async function refuseKey(keyFile: string): Promise<void> {
  await readFile(keyFile).catch(() => {
    throw new ReleaseError(`--key: ${keyFile} cannot be read`);
  });
  const folder = await mkdtemp(join(tmpdir(), 'tributary-key-'));
  try {
    await writeChecksums(folder);
    await signChecksums(folder, keyFile);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function ed25519Key(pem: string, file: string): ReturnType<typeof createPrivateKey> {
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    // The message is the same.
  }
  throw new ReleaseError(`${file} is neither a key of minisign nor an Ed25519 key in PEM (openssl genpkey)`);
}
