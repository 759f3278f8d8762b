import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import type { ClientDatabaseConfig } from '../../server-concentrator/config/concentrator-config.ts';
import { freePort } from './ports.ts';
import { postgresqlPrograms } from './postgresql-programs.ts';

const run = promisify(execFile);

/** Of the superuser and of the role `tributary`. */
export const PASSWORD = 'Pa55-word-of-a-test';
/** Who runs a server, which refuses to run as root. */
const SERVER_USER = 'postgres';
const START_TIMEOUT_MS = 20_000;

type Ids = { readonly uid?: number; readonly gid?: number };

/** A database with the role `tributary`, which owns it. */
export interface TestDatabase {
  /** As a concentrator's configuration has it. */
  readonly config: ClientDatabaseConfig;
  readonly url: string;
  /** Runs a statement as the superuser. */
  query(text: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
}

/** A PostgreSQL server of its own on 127.0.0.1 and a Unix socket. */
export class PostgresServer {
  readonly port: number;
  /** Also that of its socket. */
  readonly folder: string;
  readonly #ids: Ids;
  #process: ChildProcess | undefined;
  #databases = 0;

  private constructor(port: number, folder: string, ids: Ids) {
    this.port = port;
    this.folder = folder;
    this.#ids = ids;
  }

  static async start(): Promise<PostgresServer> {
    const folder = await mkdtemp(join(tmpdir(), 'tributary-postgres-'));
    const ids = await serverIds();
    await chmod(folder, 0o755);
    if (ids.uid !== undefined && ids.gid !== undefined) await chown(folder, ids.uid, ids.gid);
    const password = join(folder, 'password');
    await writeFile(password, PASSWORD);
    const data = join(folder, 'data');
    const server = new PostgresServer(await freePort(), folder, ids);
    const options = [
      '-U',
      'postgres',
      '-A',
      'scram-sha-256',
      '--pwfile',
      password,
      '-E',
      'UTF8',
      '--locale=C',
      '-N',
    ];
    await run(join(postgresqlPrograms()!, 'initdb'), ['-D', data, ...options], { ...ids, cwd: folder });
    await server.run();
    await server.#query(`CREATE ROLE tributary LOGIN PASSWORD '${PASSWORD}'`, 'postgres');
    return server;
  }

  /** One that no other test has. */
  async database(): Promise<TestDatabase> {
    const database = `tributary${++this.#databases}`;
    await this.#query(`CREATE DATABASE ${database} OWNER tributary`, 'postgres');
    const { port } = this;
    const names = { host: '127.0.0.1', port, user: 'tributary', database, password: PASSWORD };
    return {
      config: { ...names, tls: 'off' },
      url: `postgresql://tributary:${PASSWORD}@127.0.0.1:${port}/${database}`,
      query: (text, values) => this.#query(text, database, values),
    };
  }

  /** Starts it (again). */
  async run(settings: readonly string[] = []): Promise<void> {
    const socket = `unix_socket_directories=${this.folder}`;
    const options = ['listen_addresses=127.0.0.1', socket, 'fsync=off', ...settings];
    this.#process = spawn(
      join(postgresqlPrograms()!, 'postgres'),
      [
        ...['-D', join(this.folder, 'data'), '-p', String(this.port)],
        ...options.flatMap((option) => ['-c', option]),
      ],
      { ...this.#ids, cwd: this.folder, stdio: 'ignore' },
    );
    const untilMs = performance.now() + START_TIMEOUT_MS;
    for (;;) {
      try {
        await this.#query('SELECT 1', 'postgres');
        return;
      } catch (error) {
        if (performance.now() > untilMs) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  /** SIGINT ends all connections in order, SIGQUIT at once, as a crash would. */
  async stop(signal: 'SIGINT' | 'SIGQUIT' = 'SIGQUIT'): Promise<void> {
    const running = this.#process;
    if (running === undefined || running.exitCode !== null) return;
    const ended = once(running, 'exit');
    running.kill(signal);
    await ended;
  }

  /** Stops it for good, and removes its files. */
  async remove(): Promise<void> {
    await this.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  async #query(text: string, database: string, values?: unknown[]): Promise<Record<string, unknown>[]> {
    const client = new pg.Client({
      ...{ host: '127.0.0.1', port: this.port, user: 'postgres', database, password: PASSWORD },
      connectionTimeoutMillis: 5_000,
    });
    client.on('error', () => {});
    await client.connect();
    try {
      return (await client.query(text, values)).rows;
    } finally {
      await client.end();
    }
  }
}

/** Root gives the server to the user that the package has made. */
async function serverIds(): Promise<Ids> {
  if (process.getuid?.() !== 0) return {};
  const entry = (await readFile('/etc/passwd', 'utf8'))
    .split('\n')
    .find((line) => line.startsWith(`${SERVER_USER}:`));
  const [, , uid, gid] = (entry ?? '').split(':').map(Number);
  return { uid: uid!, gid: gid! };
}
