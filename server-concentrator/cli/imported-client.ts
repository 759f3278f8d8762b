import { clientText, type ListedClient } from '../config/client-schema.ts';

/** What a file says of a client, by the keys of `clients.yaml`. */
export type ImportEntry = Readonly<Record<string, unknown>>;

/** An entry of a list in YAML says all of a client but, where it has none, the keys: both while it changes from one to the other. */
export function withKeysOf(before: ListedClient, entry: ImportEntry): ImportEntry {
  const { key, oldKey, created, rotated } = clientText(before);
  return {
    ...entry,
    key,
    ...(oldKey === undefined ? {} : { oldKey }),
    ...(created === undefined ? {} : { created }),
    ...(rotated === undefined ? {} : { rotated }),
  };
}

/** A row of a table says what it has columns for, and takes back what is empty there; all else stays as it is. */
export function overColumns(
  before: ListedClient,
  entry: ImportEntry,
  columns: ReadonlySet<string>,
): ImportEntry {
  const text = { ...clientText(before) };
  if (entry.key !== undefined && entry.key !== text.key) {
    // Where it has another key, those of before are not good any more.
    delete text.oldKey;
    delete text.rotated;
  }
  for (const column of columns) if (column !== 'key') delete text[column];
  if (columns.has('quota') && entry.quota === undefined) delete text.atQuota;
  const rules = Object.entries((text.egress ?? {}) as ImportEntry).filter(([name]) => !columns.has(name));
  const egress = { ...Object.fromEntries(rules), ...(entry.egress as ImportEntry | undefined) };
  delete text.egress;
  return { ...text, ...entry, ...(Object.keys(egress).length === 0 ? {} : { egress }) };
}
