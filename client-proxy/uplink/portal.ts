import { SubflowError } from './subflow-error.ts';

/**
 * Something on the way answers in the concentrator's place, as the captive portal of a hotel or a train does until one logs in
 * there. Found out by its answer at our own port: no other machine is asked.
 */
export class PortalError extends SubflowError {
  constructor(message: string, options?: ErrorOptions) {
    super('notAuthorized', message, options);
  }
}

/** A portal, if this error of a TLS handshake looks like one. @param where the concentrator's address, as text */
export function portalOf(where: string, error: unknown): PortalError | undefined {
  const { code = '' } = error as NodeJS.ErrnoException;
  if (NOT_TLS.has(code)) return strangerAt(where, 'something that is not TLS', error);
  if (code.startsWith('ERR_SSL_') && !DAMAGED.has(code)) return strangerAt(where, STRANGER, error);
  return undefined;
}

/** What answers is no concentrator: it does not know our protocol. */
export function strangerAt(where: string, who = STRANGER, cause?: unknown): PortalError {
  const text = `portal: ${who} answers at ${where} in the concentrator's place: log in to this network, or correct the address`;
  return new PortalError(text, { cause });
}

const STRANGER = 'a stranger with another certificate';

/** By OpenSSL's codes: what says nothing of who answers. */
const DAMAGED: ReadonlySet<string> = new Set([
  'ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC',
  'ERR_SSL_SSLV3_ALERT_BAD_RECORD_MAC',
  'ERR_SSL_UNEXPECTED_EOF_WHILE_READING',
]);

/** By OpenSSL's codes: the answer to our ClientHello was no TLS record. */
const NOT_TLS: ReadonlySet<string> = new Set([
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'ERR_SSL_PACKET_LENGTH_TOO_LONG',
  'ERR_SSL_DATA_LENGTH_TOO_LONG',
  'ERR_SSL_UNEXPECTED_MESSAGE',
  'ERR_SSL_BAD_RECORD_TYPE',
  'ERR_SSL_HTTP_REQUEST',
]);
