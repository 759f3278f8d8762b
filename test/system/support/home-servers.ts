import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Namespace } from '../../bed/namespace.ts';
import { untilListening } from './until-listening.ts';

/** Where they listen, on the loopback device of the namespace. */
export const HTTP_PORT = 8080;
export const SSH_PORT = 2222;

/** In no folder of the programs of a user who is not root. */
const NGINX = '/usr/sbin/nginx';
const SSHD = '/usr/sbin/sshd';

/** An nginx and an sshd in the client's namespace, as servers at home are. */
export class HomeServers {
  readonly #home: Namespace;
  readonly #folder: string;

  private constructor(home: Namespace, folder: string) {
    this.#home = home;
    this.#folder = folder;
  }

  /** nginx serves `files`, by name. It expects the header of the PROXY protocol, and answers `/visitor` with the address in it. */
  static async start(home: Namespace, files: Readonly<Record<string, Uint8Array>>): Promise<HomeServers> {
    const servers = new HomeServers(home, await mkdtemp(join(tmpdir(), 'tributary-home-')));
    const www = join(servers.#folder, 'www');
    await mkdir(www);
    for (const [name, content] of Object.entries(files)) await writeFile(join(www, name), content);
    await writeFile(join(servers.#folder, 'nginx.conf'), nginxConfiguration(servers.#folder));
    home.spawn(NGINX, ['-e', 'stderr', '-c', join(servers.#folder, 'nginx.conf')], { stdio: 'inherit' });
    await servers.#startSshd();
    await untilListening(home, HTTP_PORT);
    await untilListening(home, SSH_PORT);
    return servers;
  }

  /** Arguments of ssh to a server with this one's key, which is reached at another place. */
  sshTo(host: string, port: number): string[] {
    const options = [
      'BatchMode=yes',
      'StrictHostKeyChecking=no',
      'UserKnownHostsFile=/dev/null',
      'LogLevel=ERROR',
    ];
    const key = join(this.#folder, 'key');
    return [
      '-F',
      'none',
      '-i',
      key,
      '-p',
      String(port),
      ...options.flatMap((one) => ['-o', one]),
      `root@${host}`,
    ];
  }

  /** The folder of what nginx serves. */
  get www(): string {
    return join(this.#folder, 'www');
  }

  /** The programs end with their namespace. */
  close(): Promise<void> {
    return rm(this.#folder, { recursive: true, force: true });
  }

  async #startSshd(): Promise<void> {
    const folder = this.#folder;
    for (const name of ['host', 'key']) {
      await this.#home.exec('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, name)]);
    }
    await mkdir('/run/sshd', { recursive: true, mode: 0o755 });
    const settings = [
      `ListenAddress 127.0.0.1:${SSH_PORT}`,
      `HostKey ${join(folder, 'host')}`,
      `AuthorizedKeysFile ${join(folder, 'key.pub')}`,
      'PidFile none',
      'PermitRootLogin prohibit-password',
      'PasswordAuthentication no',
      'StrictModes no',
      'UsePAM no',
    ];
    await writeFile(join(folder, 'sshd_config'), `${settings.join('\n')}\n`);
    this.#home.spawn(SSHD, ['-D', '-e', '-f', join(folder, 'sshd_config')], { stdio: 'ignore' });
  }
}

function nginxConfiguration(folder: string): string {
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${join(folder, name)};`,
  );
  return `
    daemon off;
    user root;
    worker_processes 1;
    pid ${join(folder, 'nginx.pid')};
    events { worker_connections 1024; }
    http {
      ${paths.join('\n')}
      access_log off;
      set_real_ip_from 127.0.0.1;
      real_ip_header proxy_protocol;
      server {
        listen 127.0.0.1:${HTTP_PORT} proxy_protocol;
        root ${join(folder, 'www')};
        location = /visitor { return 200 "$remote_addr\\n"; }
      }
    }`;
}
