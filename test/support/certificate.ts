import { generate } from 'selfsigned';

/** A self-made certificate as a concentrator has one. */
export async function makeCertificate(
  name = 'tributary',
): Promise<{ certificate: string; privateKey: string }> {
  const made = await generate([{ name: 'commonName', value: name }], { keyType: 'ec', curve: 'P-256' });
  return { certificate: made.cert, privateKey: made.private };
}
