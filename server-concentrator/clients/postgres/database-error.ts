import { errorWords } from '../../../shared/runtime/text/error-words.ts';
import type { ClientDatabaseConfig } from '../../config/concentrator-config.ts';
import { databasePlace } from '../../config/database-schema.ts';
import { DatabaseError } from '../client-store.ts';

/** What went wrong with the database, in our words: the texts of the server may show what was sent to it. */
export function databaseError(error: unknown, config: ClientDatabaseConfig): DatabaseError {
  const place = databasePlace(config);
  if (error instanceof DatabaseError)
    return new DatabaseError(`${place}: ${error.message}`, { cause: error });
  return new DatabaseError(`${place}: ${wordsOf(error, config)}`, { cause: error });
}

/** Whether the server has said so; if not, nobody knows what becomes of the connection. */
export function isFromServer(error: unknown): boolean {
  return SQLSTATE.test(codeOf(error));
}

/** Whether the server refuses an entry for one that is there. */
export function isDuplicate(error: unknown): boolean {
  return codeOf(error) === '23505';
}

function codeOf(error: unknown): string {
  const code = (error as { readonly code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : '';
}

function wordsOf(error: unknown, { tls, user, database, password }: ClientDatabaseConfig): string {
  const code = codeOf(error);
  const known = BY_STATE[code];
  if (known !== undefined) return known({ user, database });
  if (CERTIFICATE.test(code)) {
    return `its certificate is not trusted (${code}): "ca" names the file of the authority that has signed it`;
  }
  const message = error instanceof Error ? error.message : '';
  if (message.includes('does not support SSL')) {
    return `it has no TLS, and tls is ${tls}: turn it on at the server, or set "tls: off" where nobody listens between`;
  }
  if (message.includes('non-empty string') && (password ?? '') === '') {
    return `it wants a password of the user ${user}: "passwordFile" names the file that has it`;
  }
  if (/timeout/i.test(message)) return 'no answer in time';
  if (message.startsWith('Connection terminated')) return 'the connection was closed';
  return SQLSTATE.test(code) ? `the server refuses it (SQLSTATE ${code})` : errorWords(error);
}

const SQLSTATE = /^[0-9A-Z]{5}$/;
const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_(?:GET|VERIFY)|ERR_TLS_CERT/;

/** By SQLSTATE; https://www.postgresql.org/docs/current/errcodes-appendix.html */
const BY_STATE: Readonly<Record<string, (names: { user: string; database: string }) => string>> = {
  '28P01': ({ user }) => `the password of the user ${user} is wrong, or there is no such user`,
  '28000': ({ user }) => `the server does not let the user ${user} in from here: see its pg_hba.conf`,
  '3D000': ({ database }) => `there is no database ${database}: createdb ${database}`,
  '42501': ({ user, database }) =>
    `the user ${user} lacks a right: see "Rights" in docs/clients.md; to make the tables, it needs ` +
    `GRANT CREATE ON SCHEMA public in ${database}`,
  '42P01': () => 'its tables are not there any more',
  '3F000': () => 'there is no schema where its tables could be made: set search_path for the user',
  '25006': () => 'it only reads: this is a standby, and the primary is needed',
  '53300': () => 'it has too many connections',
  '57P01': () => 'it is shutting down',
  '57P03': () => 'it is starting up',
  '55P03': () => 'another session locks its tables for long: pg_stat_activity shows which',
  '57014': () => 'it took too long',
  '53100': () => 'its disk is full',
};
