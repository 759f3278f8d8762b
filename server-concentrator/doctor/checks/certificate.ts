import { failed, ok, warning } from '../../../shared/runtime/doctor/finding.ts';
import { readCertificate } from '../../../shared/runtime/identity/certificate.ts';
import type { ConcentratorCheck } from '../case/concentrator-check.ts';

/** Certificate and key fit (the configuration would not load otherwise), and nobody but the service reads the key. */
export const certificateCheck: ConcentratorCheck = {
  name: 'certificate',
  async run({ config, now, secretFileProblems }) {
    const certificate = readCertificate(config.tls.certificate);
    if (certificate === undefined) return failed(`${config.tlsCertificateFile} holds no certificate`);
    const [first] = await secretFileProblems(new Map([[config.tlsKeyFile, 'the key']]));
    if (first !== undefined) return warning(first.problem, [first.remedy]);
    const until = certificate.expires.toISOString().slice(0, 10);
    // Clients trust the pin alone, so this stops none of ours; other programs on the way may care.
    if (certificate.expires < now())
      return warning(`the certificate has expired on ${until}; clients of this project do not mind`, [
        'tributary-concentrator certificate prepare   # then "certificate switch" when the clients have its pin',
      ]);
    return ok(`${certificate.pin.text}, until ${until}`);
  },
};
