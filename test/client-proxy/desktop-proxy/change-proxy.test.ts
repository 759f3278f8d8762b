import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { setProxy, unsetProxy } from '../../../client-proxy/desktop-proxy/change-proxy.ts';
import {
  type ProxyAddress,
  ProxySettingError,
  type Setting,
  type SettingStore,
  type Settings,
} from '../../../client-proxy/desktop-proxy/setting-store.ts';
import { temporaryDirectory } from '../../config/temporary-directory.ts';

const HERE = { host: '127.0.0.1', port: 1080 };
const THERE = { host: '192.0.2.9', port: 3128 };

/** A place in memory, with an order of its changes. */
class FakeStore implements SettingStore {
  readonly id: SettingStore['id'];
  readonly title = 'a place';
  readonly effect = '';
  readonly order: string[] = [];
  isLocked = false;
  isUnreadable = false;
  settings: Map<string, Setting>;

  constructor(settings: Readonly<Record<string, Setting>>, id: SettingStore['id'] = 'gnome') {
    this.id = id;
    this.settings = new Map(Object.entries(settings));
  }

  whyNot = () => Promise.resolve(undefined);
  read = () =>
    this.isUnreadable
      ? Promise.reject(new ProxySettingError('unreadable'))
      : Promise.resolve<Settings>(new Map(this.settings));
  wanted = ({ host, port }: ProxyAddress) =>
    new Map<string, Setting>([
      ['host', host],
      ['port', String(port)],
      ['mode', 'manual'],
    ]);
  shown = () => [];

  write(changes: Settings): Promise<void> {
    if (this.isLocked) return Promise.reject(new ProxySettingError('locked'));
    for (const [key, value] of changes) {
      this.order.push(key);
      this.settings.set(key, value);
    }
    return Promise.resolve();
  }
}

describe('the proxy of programs', () => {
  const BEFORE = { mode: null, host: 'old.example.org', port: null, other: 'mine' };
  let file: string;
  let store: FakeStore;
  beforeEach(async () => {
    file = join(await temporaryDirectory(), 'state', 'record.json');
    store = new FakeStore(BEFORE);
  });
  const set = (proxy = HERE, dryRun = false) => setProxy([store], proxy, file, dryRun);
  const unset = (dryRun = false) => unsetProxy([store], file, dryRun);
  const settings = () => Object.fromEntries(store.settings);
  const isNoted = () =>
    stat(file).then(
      () => true,
      () => false,
    );

  it('is set, and put back in the opposite order, with nothing left', async () => {
    await set();
    expect(settings()).toEqual({ mode: 'manual', host: '127.0.0.1', port: '1080', other: 'mine' });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    await unset();
    expect(settings()).toEqual(BEFORE);
    expect(store.order).toEqual(['host', 'port', 'mode', 'mode', 'port', 'host']);
    expect(await isNoted()).toBe(false);
  });

  it.each([
    ['twice', [HERE, HERE]],
    ['with another address', [HERE, THERE]],
    ['three times', [HERE, THERE, HERE]],
  ])('comes back when it was set %s', async (_, proxies) => {
    for (const proxy of proxies) await set(proxy);
    await unset();
    expect(settings()).toEqual(BEFORE);
    // Again is no harm.
    await unset();
    expect(settings()).toEqual(BEFORE);
  });

  it('that is set already is not written again', async () => {
    await set();
    store.order.length = 0;
    const [change] = await set();
    expect([change!.changes.size, store.order]).toEqual([0, []]);
  });

  it('leaves what somebody has changed since', async () => {
    await set();
    store.settings.set('host', 'new.example.org');
    const [change] = await unset();
    expect(change!.left).toEqual(['host']);
    expect(settings()).toEqual({ ...BEFORE, host: 'new.example.org' });
  });

  it('takes what somebody has changed since for what was there before, when it is set again', async () => {
    await set();
    store.settings.set('host', 'new.example.org');
    await set();
    await unset();
    expect(settings()).toEqual({ ...BEFORE, host: 'new.example.org' });
  });

  it('that could not be set, or put back, is known of afterwards', async () => {
    store.isLocked = true;
    expect((await set())[0]!.problem).toBe('locked');
    store.isLocked = false;
    await set();
    store.isLocked = true;
    expect((await unset())[0]!.problem).toBe('locked');
    store.isLocked = false;
    await unset();
    expect(settings()).toEqual(BEFORE);
  });

  it.each([
    ['the first cannot be changed', 0, 'isLocked', 'locked'],
    ['the second cannot be changed', 1, 'isLocked', 'locked'],
    ['the last cannot be changed', 2, 'isLocked', 'locked'],
    ['the first cannot be read', 0, 'isUnreadable', 'unreadable'],
    ['the last cannot be read', 2, 'isUnreadable', 'unreadable'],
  ] as const)('is set and put back in the other places where %s', async (_, bad, fault, problem) => {
    const places = (['gnome', 'kde', 'environment'] as const).map((id) => new FakeStore(BEFORE, id));
    const others = places.filter((_place, i) => i !== bad);
    const failing = places[bad]!;
    const all = () => places.map((place) => Object.fromEntries(place.settings));
    const problems = (changes: Awaited<ReturnType<typeof setProxy>>) => changes.map((one) => one.problem);
    const expected = places.map((place) => (place === failing ? problem : undefined));

    failing[fault] = true;
    expect(problems(await setProxy(places, HERE, file, true))).toEqual(
      fault === 'isUnreadable' ? expected : [undefined, undefined, undefined],
    );
    expect(problems(await setProxy(places, HERE, file, false))).toEqual(expected);
    expect(others.map((place) => place.settings.get('mode'))).toEqual(['manual', 'manual']);
    expect(failing.settings.get('mode')).toBe(null);
    failing[fault] = false;
    expect(problems(await setProxy(places, HERE, file, false))).toEqual([undefined, undefined, undefined]);

    failing[fault] = true;
    expect(problems(await unsetProxy(places, file, false))).toEqual(expected);
    expect(others.map((place) => Object.fromEntries(place.settings))).toEqual([BEFORE, BEFORE]);
    expect([failing.settings.get('mode'), await isNoted()]).toEqual(['manual', true]);
    failing[fault] = false;
    await unsetProxy(places, file, false);
    expect([all(), await isNoted()]).toEqual([[BEFORE, BEFORE, BEFORE], false]);
  });

  it('is not changed where somebody only looks', async () => {
    const [change] = await set(HERE, true);
    expect([...change!.changes.keys()]).toEqual(['host', 'port', 'mode']);
    expect([settings(), await isNoted()]).toEqual([BEFORE, false]);
    await set();
    expect((await unset(true))[0]!.changes.size).toBe(3);
    expect([settings().mode, await isNoted()]).toEqual(['manual', true]);
  });

  it('of a place that is gone is forgotten', async () => {
    await set();
    await unsetProxy([], file, false);
    expect(await isNoted()).toBe(false);
  });

  it.each(['', 'hello', '{"gnome": {}}', '{"gnome": [["mode", {"before": 1, "set": null}]]}'])(
    'is left alone where the record is damaged: %s',
    async (text) => {
      await set();
      await writeFile(file, text);
      for (const again of [set, unset]) await expect(again()).rejects.toThrow(`${file} is damaged`);
      expect([settings().mode, await readFile(file, 'utf8')]).toEqual(['manual', text]);
    },
  );
});
