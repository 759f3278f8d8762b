/**
 * Error codes of the wire and their SOCKS5 replies (SPEC.md section 9).
 *
 * The codes below 0x80 are those of RFC 8803 section 5.2.8 (0-RTT TCP Convert Protocol, Error TLV);
 * the others are ours.
 */
export const ERROR_CODE = {
    unsupportedVersion: 0x00,
    malformedMessage: 0x01,
    unsupportedMessage: 0x02,
    notAuthorized: 0x20,
    resourceExceeded: 0x40,
    networkFailure: 0x41,
    connectionReset: 0x60,
    destinationUnreachable: 0x61,
    connectionRefused: 0x80,
    nameNotFound: 0x81,
    timedOut: 0x82,
    sessionUnknown: 0x83,
    goingAway: 0x84,
    flowControlViolation: 0x85,
    idleTimeout: 0x86,
    internalError: 0x87,
    uplinksLost: 0x88,
    cancelled: 0x89,
    quotaUsedUp: 0x8a,
};
const NAME_BY_CODE = new Map(Object.entries(ERROR_CODE).map(([name, code]) => [code, name]));
/** The name of a wire code; a code this version does not know reads as `internalError`. */
export function errorName(code) {
    return NAME_BY_CODE.get(code) ?? 'internalError';
}
/** SOCKS5 reply field, RFC 1928 section 6. */
export const SOCKS_REPLY = {
    succeeded: 0x00,
    generalFailure: 0x01,
    notAllowed: 0x02,
    networkUnreachable: 0x03,
    hostUnreachable: 0x04,
    connectionRefused: 0x05,
    ttlExpired: 0x06,
    commandNotSupported: 0x07,
    addressTypeNotSupported: 0x08,
};
const REPLY_BY_ERROR = {
    unsupportedMessage: SOCKS_REPLY.commandNotSupported,
    notAuthorized: SOCKS_REPLY.notAllowed,
    quotaUsedUp: SOCKS_REPLY.notAllowed,
    networkFailure: SOCKS_REPLY.networkUnreachable,
    uplinksLost: SOCKS_REPLY.networkUnreachable,
    connectionReset: SOCKS_REPLY.connectionRefused,
    connectionRefused: SOCKS_REPLY.connectionRefused,
    destinationUnreachable: SOCKS_REPLY.hostUnreachable,
    nameNotFound: SOCKS_REPLY.hostUnreachable,
    timedOut: SOCKS_REPLY.ttlExpired,
};
/** The RFC 1928 reply that tells an application what a wire error means; general failure where none fits. */
export function socksReplyFor(error) {
    return REPLY_BY_ERROR[error] ?? SOCKS_REPLY.generalFailure;
}
/**
 * Base of every error this project throws on purpose.
 * `code` is stable: programs read it, and the peer is told its number (`ERROR_CODE`). `fault` says whose error it is.
 */
export class TributaryError extends Error {
    code;
    fault;
    constructor(code, message, fault, options) {
        super(message, options);
        this.name = new.target.name;
        this.code = code;
        this.fault = fault;
    }
}
/** The peer broke the protocol: the subflow, the stream or the session that carried it ends. */
export class ProtocolViolation extends TributaryError {
    constructor(message, code = 'malformedMessage') {
        super(code, message, 'peer');
    }
}
/** Our own code misused the core; never caused by input from outside. */
export class MisuseError extends TributaryError {
    constructor(message) {
        super('internalError', message, 'ours');
    }
}
/** A stream could not be opened, or ended before its time. */
export class StreamError extends TributaryError {
    constructor(code, message, options) {
        super(code, message, 'peer', options);
    }
}
