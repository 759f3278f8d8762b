import { createHash, X509Certificate } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateCertificate } from '../../shared/runtime/identity/certificate.ts';
import { Program } from '../end-to-end/support/program.ts';

/** Not taken at the address of a pair. */
const PORT = 28_082;
const START_LIMIT_MS = 10_000;

/** A Caddy with a configuration of its own, as origin for HTTP/3. */
export class Caddy {
  readonly host: string;
  readonly port = PORT;
  /** SHA-256 of its public key, in base64. */
  readonly keyHash: string;
  readonly #folder: string;
  readonly #program: Program;

  private constructor(host: string, keyHash: string, folder: string, program: Program) {
    this.host = host;
    this.keyHash = keyHash;
    this.#folder = folder;
    this.#program = program;
  }

  /** Serves `files`, by path, as `name`. */
  static async start(
    host: string,
    name: string,
    files: Readonly<Record<string, string | Uint8Array>>,
  ): Promise<Caddy> {
    const folder = await mkdtemp(join(tmpdir(), 'tributary-caddy-'));
    await mkdir(join(folder, 'www'));
    for (const [path, content] of Object.entries(files)) await writeFile(join(folder, 'www', path), content);
    const { certificate, key } = await generateCertificate(new Date());
    await writeFile(join(folder, 'certificate.pem'), certificate);
    await writeFile(join(folder, 'key.pem'), key, { mode: 0o600 });
    await writeFile(join(folder, 'Caddyfile'), configuration(host, name, folder));
    const env = { PATH: process.env.PATH ?? '', HOME: folder };
    const program = new Program('caddy', ['run', '--config', join(folder, 'Caddyfile')], { env });
    await program.untilLine('serving initial configuration', { limitMs: START_LIMIT_MS });
    const publicKey = new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'der' });
    const keyHash = createHash('sha256').update(publicKey).digest('base64');
    return new Caddy(host, keyHash, folder, program);
  }

  /** The protocol of each request, and what was asked for. */
  async requests(): Promise<{ protocol: string; path: string }[]> {
    const text = await readFile(join(this.#folder, 'access.log'), 'utf8');
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line).request)
      .map(({ proto, uri }) => ({ protocol: proto, path: uri }));
  }

  async close(): Promise<void> {
    await this.#program.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function configuration(host: string, name: string, folder: string): string {
  return `{
  admin off
  auto_https off
  default_sni ${name}
}
https://${name}:${PORT} {
  bind ${host}
  tls ${folder}/certificate.pem ${folder}/key.pem
  root * ${folder}/www
  file_server
  log {
    output file ${folder}/access.log
  }
}
`;
}
