import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateCertificate } from '../../shared/runtime/identity/certificate.ts';
import { Program } from '../end-to-end/support/program.ts';

/** In no folder of the programs of a user who is not root. */
const NGINX = '/usr/sbin/nginx';
/** Not taken at the address of a pair. */
const HTTP_PORT = 28_080;
const HTTPS_PORT = 28_081;
const START_LIMIT_MS = 5_000;

/** An nginx with a configuration of its own, as origin. */
export class Nginx {
  readonly host: string;
  readonly http: string;
  readonly https: string;
  readonly #folder: string;
  readonly #program: Program;

  private constructor(host: string, folder: string, program: Program) {
    this.host = host;
    this.http = `http://${host}:${HTTP_PORT}`;
    this.https = `https://${host}:${HTTPS_PORT}`;
    this.#folder = folder;
    this.#program = program;
  }

  /** Serves `files`, by path, at the address of a pair. */
  static async start(host: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<Nginx> {
    const folder = await mkdtemp(join(tmpdir(), 'tributary-nginx-'));
    await mkdir(join(folder, 'www'));
    for (const [path, content] of Object.entries(files)) await writeFile(join(folder, 'www', path), content);
    const { certificate, key } = await generateCertificate(new Date());
    await writeFile(join(folder, 'certificate.pem'), certificate);
    await writeFile(join(folder, 'key.pem'), key, { mode: 0o600 });
    await writeFile(join(folder, 'nginx.conf'), configuration(host, folder));
    const errorLog = join(folder, 'error.log');
    const program = new Program(NGINX, ['-e', errorLog, '-p', folder, '-c', `${folder}/nginx.conf`]);
    await listening(host, HTTP_PORT);
    return new Nginx(host, folder, program);
  }

  /** One line for each request that was answered. */
  async accessLog(): Promise<string[]> {
    return (await readFile(join(this.#folder, 'access.log'), 'utf8'))
      .split('\n')
      .filter((line) => line !== '');
  }

  async close(): Promise<void> {
    await this.#program.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function configuration(host: string, folder: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `
daemon off;
worker_processes 1;
${process.getuid?.() === 0 ? 'user root;' : ''}
pid ${folder}/pid;
error_log ${folder}/error.log;
events { worker_connections 1024; }
http {
  types { text/html html; image/svg+xml svg; text/javascript js; }
  default_type application/octet-stream;
  log_format short '$status $connection_requests $request_uri';
  access_log ${folder}/access.log short;
  ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')}
  server {
    listen ${host}:${HTTP_PORT};
    listen ${host}:${HTTPS_PORT} ssl;
    ssl_certificate ${folder}/certificate.pem;
    ssl_certificate_key ${folder}/key.pem;
    root ${folder}/www;
  }
}
`;
}

async function listening(host: string, port: number): Promise<void> {
  const deadline = Date.now() + START_LIMIT_MS;
  for (;;) {
    const isUp = await new Promise((resolve) => {
      const socket = connect({ host, port });
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (isUp) return;
    if (Date.now() > deadline) throw new Error(`nginx does not listen at ${host}:${port}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
