import { basename } from 'node:path';
import { changeFile } from '../../shared/runtime/config/change-file.ts';
import { type CommandLineDeps, UsageError } from '../../shared/runtime/config/command-line.ts';
import { MAX_CONFIG_BYTES } from '../../shared/runtime/config/yaml-source.ts';
import { removeFile, writePrivateFile } from '../../shared/runtime/files/private-file.ts';
import { readTextFile } from '../../shared/runtime/files/read-file.ts';
import { belongsTogether, generateCertificate } from '../../shared/runtime/identity/certificate.ts';
import { certificatePin } from '../../shared/runtime/identity/certificate-pin.ts';
import type { ConcentratorConfig } from '../config/concentrator-config.ts';
import { loadConcentratorConfig, nextFile } from '../config/load-concentrator-config.ts';

/**
 * Makes the certificate that the concentrator is to change to, beside the current one. Throws UsageError, FileLockedError,
 * FileWriteError.
 */
export async function prepareCertificate(
  { file, tlsCertificateFile }: ConcentratorConfig,
  options: { readonly force?: boolean },
  deps: CommandLineDeps,
): Promise<void> {
  // Read again: another command may have changed what is there meanwhile.
  const work = async () => prepare(await loadConcentratorConfig(file), options, deps);
  await changeFile(tlsCertificateFile, deps, work, file);
}

/** Makes the prepared certificate the current one. Throws UsageError, FileLockedError, FileWriteError. */
export async function switchCertificate(config: ConcentratorConfig, deps: CommandLineDeps): Promise<void> {
  await changeFile(config.tlsCertificateFile, deps, () => change(config, deps), config.file);
}

async function prepare(
  config: ConcentratorConfig,
  { force }: { readonly force?: boolean },
  deps: CommandLineDeps,
): Promise<void> {
  if (config.nextCertificate !== undefined && !force) {
    throw new UsageError(
      `a certificate is prepared already, with the pin ${certificatePin(config.nextCertificate).text}: change to it by ` +
        '"certificate switch", or replace it by --force, which makes pins useless that were given out',
    );
  }
  const next = await generateCertificate(deps.now());
  const files = filesOf(config);
  const options = { overwrite: true, namedIn: config.file };
  await writePrivateFile(files.nextKey, next.key, { ...options, like: basename(files.key) });
  await writePrivateFile(files.nextCertificate, next.certificate, {
    ...options,
    like: basename(files.certificate),
  });
  const pins = [config.tls.certificate, next.certificate].map((pem) => certificatePin(pem).text);
  deps.stdout(`pin: [${pins.map((pin) => JSON.stringify(pin)).join(', ')}]\n`);
  deps.stderr(
    'Above are the pins of the current and of the prepared certificate. Links that are made from now on have both. In the ' +
      'configuration of each client that exists, put them under "concentrator" and reload the client: ' +
      'systemctl reload tributary-client\n' +
      'When all clients have them, here: tributary-concentrator certificate switch\n',
  );
}

async function change(config: ConcentratorConfig, deps: CommandLineDeps): Promise<void> {
  const files = filesOf(config);
  const certificate = await readTextFile(files.nextCertificate, MAX_CONFIG_BYTES);
  const key = await readTextFile(files.nextKey, MAX_CONFIG_BYTES);
  if ('problem' in certificate || 'problem' in key) {
    throw new UsageError('no certificate is prepared: tributary-concentrator certificate prepare');
  }
  if (!belongsTogether({ certificate: certificate.text, key: key.text })) {
    throw new UsageError(
      `${files.nextKey} is not the key of ${files.nextCertificate}: prepare another one by "certificate prepare --force"`,
    );
  }
  const options = { overwrite: true, namedIn: config.file };
  // In this order: between the two steps the key is found where it was prepared.
  await writePrivateFile(files.certificate, certificate.text, options);
  await writePrivateFile(files.key, key.text, options);
  await removeFile(files.nextCertificate);
  await removeFile(files.nextKey);
  deps.stderr(
    `The current certificate has the pin ${certificatePin(certificate.text).text} now.\n` +
      'A concentrator that runs takes it over on SIGHUP, for example: systemctl reload tributary-concentrator. ' +
      'After that, clients can do without the old pin.\n',
  );
}

function filesOf({ tlsCertificateFile, tlsKeyFile }: ConcentratorConfig) {
  return {
    certificate: tlsCertificateFile,
    key: tlsKeyFile,
    nextCertificate: nextFile(tlsCertificateFile),
    nextKey: nextFile(tlsKeyFile),
  };
}
