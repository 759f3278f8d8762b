import { createHash, X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  belongsTogether,
  generateCertificate,
  readCertificate,
} from '../../../shared/runtime/identity/certificate.ts';
import { readPin } from '../../../shared/runtime/identity/read-pin.ts';

describe('a generated certificate', () => {
  it('is ECDSA P-256, for 20 years, named tributary, and belongs to its key', async () => {
    const now = new Date('2025-01-31T12:00:00Z');
    const made = await generateCertificate(now);
    const certificate = new X509Certificate(made.certificate);
    expect(certificate.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' });
    expect(certificate.subject).toBe('CN=tributary');
    expect(new Date(certificate.validFrom) < now).toBe(true);
    expect(readCertificate(made.certificate)?.expires).toEqual(new Date('2045-01-31T12:00:00Z'));
    expect(belongsTogether(made)).toBe(true);
    const other = await generateCertificate(now);
    expect(belongsTogether({ certificate: made.certificate, key: other.key })).toBe(false);
    expect(belongsTogether({ certificate: made.certificate, key: 'nothing' })).toBeUndefined();
  });

  it('has the SHA-256 of its DER form as its pin', async () => {
    const { certificate } = await generateCertificate(new Date());
    const der = Buffer.from(certificate.replace(/-----[^-]+-----|\s/g, ''), 'base64');
    const pin = `sha256:${createHash('sha256').update(der).digest('base64url')}`;
    expect(readCertificate(certificate)?.pin.text).toBe(pin);
    expect(readPin(pin)).toEqual(readCertificate(certificate)?.pin);
    expect(readCertificate('nothing')).toBeUndefined();
  });

  it.each([
    '',
    'sha256:',
    `sha256:${'A'.repeat(42)}`,
    `sha1:${'A'.repeat(43)}`,
    `sha256:${'A'.repeat(42)}B`,
    `sha256:${'A'.repeat(43)}=`,
  ])('%j is no pin', (text) => expect(readPin(text)).toBeUndefined());
});
