import { createHash, timingSafeEqual, X509Certificate } from 'node:crypto';
import { TributaryError } from '../../protocol/errors.js';
/** The pin of a certificate in PEM text or DER bytes; throws `PinError` where it is neither. */
export function certificatePin(certificate) {
  let der;
  try {
    der = new X509Certificate(certificate).raw;
  } catch {
    throw new PinError('not a certificate in PEM or DER form');
  }
  return pinOf(createHash('sha256').update(der).digest());
}
/** Reads a pin's text form; throws `PinError` that says what is wrong with it. */
export function parsePin(text) {
  if (!PIN_TEXT.test(text)) {
    throw new PinError(
      `${JSON.stringify(text)} is not a pin: \`sha256:\` and the certificate's SHA-256 in base64url, ` +
        '43 characters without padding',
    );
  }
  return pinOf(Buffer.from(text.slice(PREFIX.length), 'base64url'));
}
/** In time that does not depend on where they differ. */
export function samePin(one, other) {
  return timingSafeEqual(one.digest, other.digest);
}
/** A text is no pin, or a file no certificate. */
class PinError extends TributaryError {
  constructor(message) {
    super('malformedMessage', message, 'ours');
  }
}
const PREFIX = 'sha256:';
/** 32 bytes make 43 characters, of which the last carries four bits. */
const PIN_TEXT = /^sha256:[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;
function pinOf(digest) {
  return { digest, text: PREFIX + digest.toString('base64url') };
}
