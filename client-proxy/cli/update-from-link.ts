import { dirname, resolve } from 'node:path';
import { changeFile } from '../../shared/runtime/config/change-file.ts';
import { UsageError } from '../../shared/runtime/config/command-line.ts';
import { startOrTell } from '../../shared/runtime/config/start-service.ts';
import { MAX_CONFIG_BYTES, YamlSource } from '../../shared/runtime/config/yaml-source.ts';
import type { HeldLock } from '../../shared/runtime/files/file-lock.ts';
import { writePrivateFile } from '../../shared/runtime/files/private-file.ts';
import { readTextFile } from '../../shared/runtime/files/read-file.ts';
import { formatClientKey } from '../../shared/runtime/identity/client-key.ts';
import type { JoinLink } from '../../shared/runtime/identity/link.ts';
import { clientConfigFrom, loadClientConfig } from '../config/load-client-config.ts';
import type { ClientCliDeps } from './client-cli-deps.ts';
import { clientService } from './client-service.ts';
import { takeLink, takeOut } from './link-edits.ts';

/**
 * Takes over what links say into a configuration that exists: addresses, pins, name and key of the concentrator that each is about, or of
 * one more. All else stays, with its comments.
 * @param mayAdd whether one more may come
 * @param start whether the service is started at the end
 * Throws UsageError, ConfigError, FileLockedError, FileWriteError.
 */
export async function updateFromLinks(
  links: readonly JoinLink[],
  file: string,
  { mayAdd, start }: { readonly mayAdd: boolean; readonly start: boolean },
  deps: ClientCliDeps,
): Promise<void> {
  const lines: string[] = [];
  let isDirect = false;
  await changeConfig(file, deps, (source) => {
    isDirect = source.document.get('mode') === 'direct';
    const keys = new Map<string, string>();
    for (const link of links) {
      const { name, isNew, keyFile } = takeLink(source.document, link, mayAdd);
      lines.push(
        isNew
          ? `Added the concentrator ${name} to ${file}.\n`
          : `Changed ${file}: addresses, pin, name and key${links.length + Number(mayAdd) > 1 ? ` of ${name}` : ''} are those of the link.\n`,
      );
      if (keyFile !== undefined)
        keys.set(resolve(dirname(file), keyFile), `${formatClientKey(link.clientKey)}\n`);
    }
    return keys;
  });
  if (isDirect) lines.push(`mode: direct stands in ${file}: take it out, so that a concentrator is used.\n`);
  else if (!start) lines.push(TAKEN_OVER);
  deps.stderr(lines.join(''));
  if (start) deps.stderr(`${await startOrTell(true, await clientService(file, deps), '')}\n`);
}

/** Takes a concentrator out of the configuration. Throws as `updateFromLinks`. */
export async function leaveConcentrator(name: string, file: string, deps: ClientCliDeps): Promise<void> {
  await changeConfig(file, deps, ({ document }) => {
    takeOut(document, name);
    return new Map();
  });
  deps.stderr(`Took the concentrator ${name} out of ${file}.\n${TAKEN_OVER}`);
}

const TAKEN_OVER =
  'A client that runs takes it over on SIGHUP, for example: systemctl reload tributary-client.\n';

/**
 * What has mistakes now would have them afterwards, and what would have them then is not written.
 * @param edit returns what files of keys are to hold, by their paths: they are written with the configuration, or not at all
 */
async function changeConfig(
  file: string,
  deps: ClientCliDeps,
  edit: (source: YamlSource) => ReadonlyMap<string, string>,
): Promise<void> {
  await loadClientConfig(file);
  await changeFile(file, deps, async (lock: HeldLock) => {
    const read = await readTextFile(file, MAX_CONFIG_BYTES);
    if ('problem' in read) throw new UsageError(read.problem);
    const source = new YamlSource(read.text, file);
    await lock.confirm();
    const keys = edit(source);
    const text = source.document.toString({ lineWidth: 0 });
    await clientConfigFrom(text, file);
    for (const [keyFile, key] of keys)
      await writePrivateFile(keyFile, key, { overwrite: true, namedIn: file });
    await writePrivateFile(file, text, { overwrite: true });
  });
}
