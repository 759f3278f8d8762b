import { isIP } from 'node:net';
import * as z from 'zod';
import { isLoopback } from '../../shared/runtime/address/special-ranges.ts';
import { text } from '../../shared/runtime/config/schema-pieces.ts';
import type { ClientDatabaseConfig, DatabaseTls } from './concentrator-config.ts';

const DEFAULT_PORT = 5432;
const NO_HOST = 'no-host.invalid';
const DATABASE_FORMAT =
  'no database such as "postgresql://USER@HOST/NAME", "postgresql://USER@HOST:5432/NAME", or with a Unix socket ' +
  '"postgresql://USER@/NAME?host=/run/postgresql"';

/** What the text of a database says. */
type DatabasePlace = Omit<ClientDatabaseConfig, 'passwordFile' | 'tls' | 'ca'>;

/** A text may hold a password: what was found is not shown. */
const database = z.string({ error: DATABASE_FORMAT }).transform((value, context): DatabasePlace => {
  const parsed = parseDatabase(value);
  if (typeof parsed !== 'string') return parsed;
  context.issues.push({ code: 'custom', message: parsed, input: '' });
  return z.NEVER;
});

/** A file of clients, or a database that has them. */
export const clientsPlace = z
  .union(
    [
      text,
      z.strictObject({
        database,
        passwordFile: text.optional(),
        tls: z.enum(['verify', 'encrypt', 'off']).optional(),
        ca: text.optional(),
      }),
    ],
    { error: 'expected the name of a file, or a map such as {database: "postgresql://USER@HOST/NAME"}' },
  )
  .default('clients.yaml');

/** Where nothing says it: on this machine nobody listens between, and elsewhere the password and the keys must not be seen. */
export function defaultTls({ host }: Pick<DatabasePlace, 'host'>): DatabaseTls {
  const isHere = host.startsWith('/') || host === 'localhost' || (isIP(host) !== 0 && isLoopback(host));
  return isHere ? 'off' : 'verify';
}

/** As libpq takes them, to find the primary. A password may have commas, and what is an @ to a URL as well: hosts stand behind the last one. */
const SEVERAL_HOSTS = /^[a-z]+:\/\/(?:[^/?#]*@)?[^/?#@]*,[^/?#@]*(?:[/?#]|$)/;

/** @returns what is wrong with it, as a text */
function parseDatabase(value: string): DatabasePlace | string {
  if (SEVERAL_HOSTS.test(value))
    return 'names several hosts: expected one name or address, which leads to the primary after a failover, too';
  let url: URL;
  try {
    // An empty host behind a user, which is that of a Unix socket, is no URL to the standard.
    url = new URL(value.replace(/^([a-z]+:\/\/[^/]*@)\//, `$1${NO_HOST}/`));
    if (!/^postgres(?:ql)?:$/.test(url.protocol)) return DATABASE_FORMAT;
    const unknown = [...url.searchParams.keys()].some((key) => key !== 'host');
    if (unknown || url.hash !== '') {
      return 'has options that are not read here: tls, ca and passwordFile stand beside it as keys';
    }
    const named = decodeURIComponent(url.hostname).replace(/^\[(.*)\]$/, '$1');
    const host = url.searchParams.get('host') ?? (named === NO_HOST ? '' : named);
    const user = decodeURIComponent(url.username);
    const name = decodeURIComponent(url.pathname.slice(1));
    const password = decodeURIComponent(url.password);
    if (host === '' || user === '' || name === '' || name.includes('/')) return DATABASE_FORMAT;
    return {
      host,
      port: url.port === '' ? DEFAULT_PORT : Number(url.port),
      user,
      database: name,
      ...(password === '' ? {} : { password }),
    };
  } catch {
    return DATABASE_FORMAT;
  }
}

/** The password that a file holds. */
export function passwordIn(text: string): string {
  return text.replace(/\r?\n$/, '');
}

/** How messages call it; without its password. */
export function databasePlace(config: ClientDatabaseConfig): string {
  return `the database ${databaseName(config)} (user ${config.user})`;
}

/** Which one it is, whoever uses it. */
export function databaseName({ host, port, database: name }: ClientDatabaseConfig): string {
  const at = host.startsWith('/') ? host : `${host.includes(':') ? `[${host}]` : host}:${port}`;
  return `${name} at ${at}`;
}
