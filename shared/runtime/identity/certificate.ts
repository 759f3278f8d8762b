import { createPrivateKey, X509Certificate } from 'node:crypto';
import { type CertificatePin, certificatePin } from './certificate-pin.ts';

/** A certificate and its private key, both PEM. */
export interface TlsIdentity {
  readonly certificate: string;
  readonly key: string;
}

/** What a certificate says about itself. */
export interface CertificateFacts {
  /** As clients have it in their configuration. */
  readonly pin: CertificatePin;
  readonly expires: Date;
}

// Clients trust the pin and nothing else, so an expiry would only be a date on which all of them stop: far away.
const LIFETIME_YEARS = 20;
// For clocks that are behind.
const BACKDATED_MS = 24 * 60 * 60 * 1000;

/** Makes a self-signed certificate: ECDSA P-256, 20 years, CN `tributary`. */
export async function generateCertificate(now: Date): Promise<TlsIdentity> {
  // Loaded here only: it brings an ASN.1 library, of which a running proxy has no need.
  // What it exports is known by name only where it is not bundled.
  const { default: selfsigned } = await import('selfsigned');
  const notAfterDate = new Date(now);
  notAfterDate.setUTCFullYear(now.getUTCFullYear() + LIFETIME_YEARS);
  const made = await selfsigned.generate([{ name: 'commonName', value: 'tributary' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    notBeforeDate: new Date(now.getTime() - BACKDATED_MS),
    notAfterDate,
  });
  return { certificate: made.cert, key: made.private };
}

/** Reads a PEM certificate; undefined when the text holds none. */
export function readCertificate(pem: string): CertificateFacts | undefined {
  try {
    return { pin: certificatePin(pem), expires: new Date(new X509Certificate(pem).validTo) };
  } catch {
    return undefined;
  }
}

/** Whether a PEM private key is that of a certificate; undefined when it is no unencrypted private key at all. */
export function belongsTogether({ certificate, key }: TlsIdentity): boolean | undefined {
  try {
    const privateKey = createPrivateKey(key);
    return new X509Certificate(certificate).checkPrivateKey(privateKey);
  } catch {
    return undefined;
  }
}
