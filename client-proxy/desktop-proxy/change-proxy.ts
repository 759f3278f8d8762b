import { TributaryError } from '../../shared/protocol/errors.ts';
import { type ChangedSetting, readRecord, writeRecord } from './proxy-record.ts';
import type { ProxyAddress, Setting, SettingStore, Settings } from './setting-store.ts';

/** What was done with one place, or would be. */
export interface ProxyChange {
  readonly store: SettingStore;
  readonly changes: Settings;
  /** Settings that somebody has changed since they were set, which stay as they are. */
  readonly left: readonly string[];
  /** Why it could not be done, and what to do; absent where it was. */
  readonly problem?: string;
}

interface Planned extends ProxyChange {
  /** Of this place, afterwards. */
  readonly record: readonly (readonly [string, ChangedSetting])[] | undefined;
}

/**
 * Sets the proxy in each place, and keeps what was there before. Again, it keeps what was there before the first time, but for what somebody has
 * changed meanwhile. With `dryRun` it only says what it would do. A place that fails leaves the others alone: its change says the problem.
 * Rejects with ProxySettingError where the record cannot be read.
 */
export function setProxy(
  stores: readonly SettingStore[],
  proxy: ProxyAddress,
  recordFile: string,
  dryRun: boolean,
): Promise<readonly ProxyChange[]> {
  return change(stores, recordFile, dryRun, async (store, record) => {
    const now = await store.read();
    const known = new Map(record);
    const before = new Map(
      [...now].map(([key, value]) => {
        const one = known.get(key);
        return [key, one?.set === value ? one.before : value];
      }),
    );
    const wanted = [...store.wanted(proxy, before)];
    return {
      store,
      changes: new Map(wanted.filter(([key, value]) => settingOf(now, key) !== value)),
      left: [],
      record: wanted.map(([key, set]) => [key, { before: settingOf(before, key), set }] as const),
    };
  });
}

/**
 * Puts back what was there before `setProxy`, where it is still as that has set it. The record of a place that fails is kept, for the next
 * time. Otherwise as `setProxy`; rejects with FileWriteError as well.
 */
export async function unsetProxy(
  stores: readonly SettingStore[],
  recordFile: string,
  dryRun: boolean,
): Promise<readonly ProxyChange[]> {
  const done = await change(stores, recordFile, dryRun, async (store, record = []) => {
    const now = await store.read();
    const changed = record.filter(([key, { before }]) => settingOf(now, key) !== before).reverse();
    const ours = changed.filter(([key, { set }]) => settingOf(now, key) === set);
    return {
      store,
      changes: new Map(ours.map(([key, { before }]) => [key, before])),
      left: changed.filter((one) => !ours.includes(one)).map(([key]) => key),
      record: undefined,
    };
  });
  if (dryRun) return done;
  const record = await readRecord(recordFile);
  const failed = done.filter(({ problem }) => problem !== undefined).map(({ store: { id } }) => id);
  // A place that is gone has nothing to put back.
  await writeRecord(recordFile, Object.fromEntries(failed.map((id) => [id, record[id]])));
  return done;
}

/** The record is written before anything is set, and shortened after something was put back: it never says too little. */
async function change(
  stores: readonly SettingStore[],
  recordFile: string,
  dryRun: boolean,
  plan: (store: SettingStore, record: Planned['record']) => Promise<Planned>,
): Promise<readonly ProxyChange[]> {
  const record = { ...(await readRecord(recordFile)) };
  const changeOne = async (store: SettingStore): Promise<ProxyChange> => {
    const planned = await plan(store, record[store.id]);
    if (dryRun) return planned;
    const note = async () => {
      if (planned.record === undefined) delete record[store.id];
      else record[store.id] = planned.record;
      await writeRecord(recordFile, record);
    };
    if (planned.record !== undefined) await note();
    if (planned.changes.size > 0) await store.write(planned.changes);
    if (planned.record === undefined) await note();
    return planned;
  };
  const done: ProxyChange[] = [];
  for (const store of stores) {
    try {
      done.push(await changeOne(store));
    } catch (error) {
      if (!(error instanceof TributaryError)) throw error;
      done.push({ store, changes: new Map(), left: [], problem: error.message });
    }
  }
  return done;
}

function settingOf(settings: Settings, key: string): Setting {
  return settings.get(key) ?? null;
}
