import { type CertificatePin, parsePin } from './certificate-pin.ts';

/** What `readPin` accepts, in words. */
export const PIN_FORMAT = 'a certificate pin: "sha256:" and 43 characters of base64url';

/** The pin that a text names, or undefined when it is none. */
export function readPin(text: string): CertificatePin | undefined {
  try {
    return parsePin(text);
  } catch {
    return undefined;
  }
}
