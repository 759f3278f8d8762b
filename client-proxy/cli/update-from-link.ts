import { dirname, resolve } from 'node:path';
import { formatDestination } from '../../shared/protocol/destination.ts';
import { changeFile } from '../../shared/runtime/config/change-file.ts';
import { UsageError } from '../../shared/runtime/config/command-line.ts';
import { MAX_CONFIG_BYTES, YamlSource } from '../../shared/runtime/config/yaml-source.ts';
import type { HeldLock } from '../../shared/runtime/files/file-lock.ts';
import { writePrivateFile } from '../../shared/runtime/files/private-file.ts';
import { readTextFile } from '../../shared/runtime/files/read-file.ts';
import { formatClientKey } from '../../shared/runtime/identity/client-key.ts';
import type { JoinLink } from '../../shared/runtime/identity/link.ts';
import { loadClientConfig } from '../config/load-client-config.ts';
import type { ClientCliDeps } from './client-cli-deps.ts';

/**
 * Takes over what a link says into a configuration that exists: addresses, pins, name and key. All else stays, with its comments.
 * Throws UsageError, ConfigError, FileLockedError, FileWriteError.
 */
export async function updateFromLink(link: JoinLink, file: string, deps: ClientCliDeps): Promise<void> {
  // What has mistakes now would have them afterwards.
  await loadClientConfig(file);
  await changeFile(file, deps, (lock) => update(link, file, lock));
  deps.stderr(
    `Changed ${file}: addresses, pin, name and key are those of the link.\n` +
      'A client that runs takes over pin and key on SIGHUP, for example: systemctl reload tributary-client. ' +
      'Other addresses, or another name, need a restart.\n',
  );
}

async function update(link: JoinLink, file: string, lock: HeldLock): Promise<void> {
  const read = await readTextFile(file, MAX_CONFIG_BYTES);
  if ('problem' in read) throw new UsageError(read.problem);
  const { document } = new YamlSource(read.text, file);
  const pins = link.pins.map(({ text }) => text);
  document.setIn(['concentrator', 'addresses'], document.createNode(link.addresses.map(formatDestination)));
  document.setIn(['concentrator', 'pin'], document.createNode(pins.length === 1 ? pins[0] : pins));
  document.setIn(['client', 'id'], link.clientId);
  const key = formatClientKey(link.clientKey);
  const keyFile = document.getIn(['client', 'keyFile']);
  await lock.confirm();
  if (typeof keyFile === 'string') {
    const path = resolve(dirname(file), keyFile);
    await writePrivateFile(path, `${key}\n`, { overwrite: true, namedIn: file });
  } else {
    document.setIn(['client', 'key'], key);
  }
  await writePrivateFile(file, document.toString({ lineWidth: 0 }), { overwrite: true });
}
