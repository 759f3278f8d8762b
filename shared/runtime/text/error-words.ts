import { TributaryError } from '../../protocol/errors.ts';

/**
 * Why something failed, in one line of our own words: what logs, status and replies say. A library's text is for who knows the
 * library, changes with its version, and may hold what is nobody's business; of its errors only the code is shown.
 */
export function errorWords(error: unknown): string {
  if (error instanceof TributaryError) return error.message;
  if (!(error instanceof Error)) return 'failed';
  const { code, name } = error as NodeJS.ErrnoException;
  if (code === CLOSED) return 'closed by the other side';
  if (typeof code === 'string') return `${wordsOf(code)} (${code})`;
  return name === 'AbortError' ? 'no longer wanted' : `failed (${name})`;
}

/** As `errorWords`, where a file is what failed. */
export function fileErrorWords(error: unknown): string {
  const { code = '' } = error as NodeJS.ErrnoException;
  return FILE_WORDS[code] ?? errorWords(error);
}

/** The code of an error of our own: the other side has closed a connection in good order before it was of use. */
export const CLOSED = 'CLOSED';

/** The error for a connection that the other side has closed. */
export function closedError(): Error {
  return Object.assign(new Error('closed by the other side'), { code: CLOSED });
}

function wordsOf(code: string): string {
  const known = ERROR_WORDS[code];
  if (known !== undefined) return known;
  if (code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_')) return 'TLS failed';
  return 'failed';
}

/** By the code of the system (errno), of name look-ups (getaddrinfo, c-ares), of Node.js, or of OpenSSL. */
export const ERROR_WORDS: Readonly<Record<string, string>> = {
  // Connections.
  ECONNREFUSED: 'refused',
  ECONNRESET: 'reset',
  ECONNABORTED: 'given up by this machine',
  EPIPE: 'the other side takes nothing any more',
  ENOTCONN: 'not connected any more',
  ETIMEDOUT: 'no answer in time',
  EHOSTUNREACH: 'host unreachable',
  EHOSTDOWN: 'host down',
  ENETUNREACH: 'no route to it',
  ENETDOWN: 'the interface is down',
  ENODEV: 'there is no such interface',
  EADDRINUSE: 'the address is in use',
  EADDRNOTAVAIL: 'this machine has no such address',
  EAFNOSUPPORT: 'this machine does not have that address family',
  EINVAL: 'the kernel does not take that',
  ENOPROTOOPT: 'the kernel does not have that option',
  EACCES: 'not allowed',
  EPERM: 'not allowed',
  EMSGSIZE: 'too large for the network',
  EPROTO: 'the other side does not keep to the protocol',
  EIO: 'the device fails',
  // What the machine runs out of.
  EMFILE: 'no file descriptors are left',
  ENFILE: 'no file descriptors are left on this machine',
  ENOBUFS: 'no memory is left for sockets',
  ENOMEM: 'no memory is left',
  EAGAIN: 'not now',
  ENOENT: 'there is no such file',
  // Names.
  ENOTFOUND: 'the name does not resolve',
  ENODATA: 'the name has no address',
  EAI_AGAIN: 'the name server does not answer',
  EAI_FAIL: 'the name server fails',
  EAI_NODATA: 'the name has no address',
  EAI_NONAME: 'the name does not resolve',
  EAI_FAMILY: 'the name has no address of that family',
  EAI_MEMORY: 'no memory is left',
  ESERVFAIL: 'the name server fails',
  EREFUSED: 'the name server refuses',
  ETIMEOUT: 'the name server does not answer',
  EFORMERR: 'the name server does not understand',
  EBADRESP: 'the name server answers nonsense',
  EBADNAME: 'that is no name',
  ECANCELLED: 'no longer wanted',
  // Node.js.
  ERR_SOCKET_CLOSED: 'closed by the other side',
  ERR_STREAM_DESTROYED: 'closed already',
  ERR_STREAM_WRITE_AFTER_END: 'closed already',
  ERR_TLS_HANDSHAKE_TIMEOUT: 'no answer to TLS in time',
  ERR_DLOPEN_FAILED: 'it does not fit to this system',
  MODULE_NOT_FOUND: 'it is not installed',
  ERR_MODULE_NOT_FOUND: 'it is not installed',
  // OpenSSL.
  ERR_SSL_WRONG_VERSION_NUMBER: 'the answer is not TLS',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'the answer is not TLS',
  ERR_SSL_HTTP_REQUEST: 'the request is plain HTTP',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'the other side has no TLS 1.3',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'the other side has no TLS 1.3',
  ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: 'the other side does not speak our protocol',
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: 'the other side has no cipher in common',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: 'the other side does not take the certificate',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'the other side does not take the certificate',
  ERR_SSL_TLSV1_UNRECOGNIZED_NAME: 'the other side does not know the server name',
  ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR: 'TLS fails at the other side',
  ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC: 'bytes were changed on the way',
  ERR_SSL_SSLV3_ALERT_BAD_RECORD_MAC: 'bytes were changed on the way',
  ERR_SSL_UNEXPECTED_MESSAGE: 'the other side does not keep to TLS',
  ERR_SSL_UNEXPECTED_EOF_WHILE_READING: 'closed in the middle of TLS',
};

/** Where a file is concerned some codes mean something else. */
export const FILE_WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'a part of the path is not a directory',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EISDIR: 'it is a directory',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left on the device',
  EEXIST: 'it exists already',
  EDQUOT: 'the quota of disk space is used up',
  EIO: 'the device fails (EIO)',
  EPIPE: 'nobody reads it any more',
  EMFILE: 'no file descriptors are left',
  ENFILE: 'no file descriptors are left on this machine',
  ELOOP: 'too many symbolic links, or one where none may be',
};
