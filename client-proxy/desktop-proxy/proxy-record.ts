import { join } from 'node:path';
import * as z from 'zod';
import { removeFile, writePrivateFile } from '../../shared/runtime/files/private-file.ts';
import { readTextFile } from '../../shared/runtime/files/read-file.ts';
import { ProxySettingError, type Setting, type SettingStore } from './setting-store.ts';

/** In the directory of the user's state. */
export const RECORD_NAME = 'proxy-before.json';
const MAX_BYTES = 1024 * 1024;

/** A setting that was changed: what it was, and what it was set to. */
export interface ChangedSetting {
  readonly before: Setting;
  readonly set: Setting;
}

/** What was changed, by the place and the setting; in the order in which it was set. */
export type ProxyRecord = Partial<Record<SettingStore['id'], readonly (readonly [string, ChangedSetting])[]>>;

const setting = z.string().nullable();
const changes = z.array(z.tuple([z.string(), z.strictObject({ before: setting, set: setting })])).optional();
const schema = z.strictObject({ gnome: changes, kde: changes, environment: changes });

/** What is noted in a file; nothing where there is none. Rejects with ProxySettingError. */
export async function readRecord(file: string): Promise<ProxyRecord> {
  const read = await readTextFile(file, MAX_BYTES);
  if ('problem' in read) {
    if (read.isAbsent) return {};
    throw new ProxySettingError(read.problem);
  }
  const record = schema.safeParse(jsonOf(read.text)).data;
  if (record !== undefined) return record as ProxyRecord;
  throw new ProxySettingError(
    `${file} is damaged: set the proxy by hand as it should be, and remove the file`,
  );
}

/** Notes it for its owner alone, since addresses of proxies may have passwords; a file of nothing goes away. Rejects with FileWriteError. */
export async function writeRecord(file: string, record: ProxyRecord): Promise<void> {
  if (Object.values(record).some((one) => one !== undefined)) {
    await writePrivateFile(file, `${JSON.stringify(record, null, 2)}\n`, { overwrite: true });
    return;
  }
  await removeFile(file);
}

/** Where a user's record is, unless the user's environment says something else. */
export function usualRecordFile(homeDirectory: string): string {
  return join(homeDirectory, '.local/state/tributary', RECORD_NAME);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
