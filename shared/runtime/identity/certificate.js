import { createPrivateKey, X509Certificate } from 'node:crypto';
import { certificatePin } from './certificate-pin.js';

// Clients trust the pin and nothing else, so an expiry would only be a date on which all of them stop: far away.
const LIFETIME_YEARS = 20;
// For clocks that are behind.
const BACKDATED_MS = 24 * 60 * 60 * 1000;
/** Makes a self-signed certificate: ECDSA P-256, 20 years, CN `tributary`. */
export async function generateCertificate(now) {
  // Loaded here only: it brings an ASN.1 library, of which a running proxy has no need.
  const { generate } = await import('selfsigned');
  const notAfterDate = new Date(now);
  notAfterDate.setUTCFullYear(now.getUTCFullYear() + LIFETIME_YEARS);
  const made = await generate([{ name: 'commonName', value: 'tributary' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    notBeforeDate: new Date(now.getTime() - BACKDATED_MS),
    notAfterDate,
  });
  return { certificate: made.cert, key: made.private };
}
/** Reads a PEM certificate; undefined when the text holds none. */
export function readCertificate(pem) {
  try {
    return { pin: certificatePin(pem), expires: new Date(new X509Certificate(pem).validTo) };
  } catch {
    return undefined;
  }
}
/** Whether a PEM private key is that of a certificate; undefined when it is no unencrypted private key at all. */
export function belongsTogether({ certificate, key }) {
  try {
    const privateKey = createPrivateKey(key);
    return new X509Certificate(certificate).checkPrivateKey(privateKey);
  } catch {
    return undefined;
  }
}
