import { createHash, X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { certificatePin, parsePin } from '../../../shared/runtime/identity/certificate-pin.ts';
import { makeCertificate } from '../../support/certificate.ts';

describe('pins', async () => {
  const { certificate } = await makeCertificate();

  test('are the SHA-256 of the DER, whatever form the certificate is in', () => {
    const der = new X509Certificate(certificate).raw;
    const text = `sha256:${createHash('sha256').update(der).digest('base64url')}`;
    expect(certificatePin(certificate).text).toBe(text);
    expect(certificatePin(der).text).toBe(text);
    expect(parsePin(text)).toEqual(certificatePin(der));
  });

  test.each([
    '',
    'sha256:',
    `sha256:${'A'.repeat(42)}`,
    `sha256:${'A'.repeat(44)}`,
    `sha256:${'A'.repeat(42)}B`,
    `sha256:${'A'.repeat(43)}=`,
    `sha256:${'+'.repeat(42)}A`,
    `sha1:${'A'.repeat(43)}`,
  ])('%j is none', (text) => {
    expect(() => parsePin(text)).toThrow(/is not a pin: `sha256:`/);
  });

  test('something else than a certificate has none', () => {
    expect(() => certificatePin('hello')).toThrow(/not a certificate/);
  });
});
