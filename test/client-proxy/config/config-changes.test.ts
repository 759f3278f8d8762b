import { chmod, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ClientConfig } from '../../../client-proxy/config/client-config.ts';
import { ConfigChanges } from '../../../client-proxy/config/config-changes.ts';
import type { ConfigEdit } from '../../../client-proxy/config/edit/config-edit.ts';
import { loadClientConfig } from '../../../client-proxy/config/load-client-config.ts';
import { temporaryFile } from '../../config/temporary-directory.ts';
import { MINIMAL } from './client-config-text.ts';

const TEXT = `${MINIMAL}steering:
  # As long as LTE is cheap.
  default: aggregate
`;
const OFF: ConfigEdit = { kind: 'uplink', name: 'wifi', use: 'off' };
const REDUNDANT: ConfigEdit = { kind: 'default-mode', mode: 'redundant' };
const BLOCK: ConfigEdit = { kind: 'rule', match: { host: 'ads.test' }, action: { block: true } };

const held = (changes: ConfigChanges) => changes.held.map(({ text }) => text);

async function bench(text = TEXT) {
  const file = await temporaryFile('client.yaml', text);
  let config = await loadClientConfig(file);
  const reloads: ClientConfig[] = [];
  let failure: Error | undefined;
  const logged: string[] = [];
  const changes = new ConfigChanges({
    config: () => config,
    reload: async (next) => {
      if (failure !== undefined) throw failure;
      reloads.push(next);
      config = next;
    },
    wallClock: Date.now,
    logger: { info() {}, warn: (_: unknown, message?: string) => void logged.push(message ?? '') } as never,
  });
  const failReloads = () => {
    failure = new Error('no reload');
  };
  return {
    file,
    changes,
    reloads,
    logged,
    failReloads,
    config: () => config,
    text: () => readFile(file, 'utf8'),
  };
}

describe('a change of the configuration of a client that runs', () => {
  it('is held until a restart: the file stays, and what runs goes by it', async () => {
    const { changes, config, text, reloads } = await bench();
    await changes.make(REDUNDANT, 'until-restart');
    await changes.make(OFF, 'until-restart');
    await changes.make(BLOCK, 'until-restart');
    expect(await text()).toBe(TEXT);
    expect([config().steering.default.mode, config().uplinks[0]!.isOff]).toEqual(['redundant', true]);
    expect(config().steering.rules).toMatchObject([{ hosts: ['ads.test'], action: { kind: 'block' } }]);
    expect(held(changes)).toEqual(['default mode: redundant', 'wifi: off', 'ads.test: blocked']);
    await changes.make({ ...OFF, use: 'on' }, 'until-restart');
    expect(held(changes)).toEqual(['default mode: redundant', 'ads.test: blocked', 'wifi: on']);
    expect([config().uplinks[0]!.isOff, reloads.length]).toEqual([undefined, 4]);
  });

  it('is written into the file, with its comments, and no longer held', async () => {
    const { changes, config, text, file } = await bench();
    await chmod(file, 0o664);
    const before = await stat(file);
    await changes.make(REDUNDANT, 'until-restart');
    await changes.make(OFF, 'until-restart');
    await changes.make({ ...REDUNDANT, mode: 'lowest-latency' }, 'in-file');
    expect(await text()).toBe(TEXT.replace('aggregate', 'lowest-latency'));
    expect((await stat(file)).mode).toBe(before.mode);
    // What is held on top is not in the file, and goes on to hold.
    expect(held(changes)).toEqual(['wifi: off']);
    expect([config().steering.default.mode, config().uplinks[0]!.isOff]).toEqual(['lowest-latency', true]);
    // What the client has written it knows.
    await changes.make(BLOCK, 'in-file');
    expect((await loadClientConfig(file)).steering.rules).toHaveLength(1);
    expect(config().uplinks[0]!.isOff).toBe(true);
  });

  it('keeps what is held when the file is read again, and gives up what has no place any more', async () => {
    const { changes, file, logged, config } = await bench();
    await changes.make(OFF, 'until-restart');
    await changes.make(REDUNDANT, 'until-restart');
    await writeFile(file, TEXT.replace('aggregate', 'round-robin'));
    await changes.reloadFile();
    expect([config().steering.default.mode, config().uplinks[0]!.isOff]).toEqual(['redundant', true]);
    await writeFile(file, TEXT.replace('name: wifi', 'name: cable'));
    await changes.reloadFile();
    expect(config().steering.default.mode).toBe('redundant');
    expect(held(changes)).toEqual(['default mode: redundant']);
    expect(logged).toEqual(['a change does not hold any more']);
    await writeFile(file, 'nonsense: 1\n');
    await expect(changes.reloadFile()).rejects.toThrow('nonsense');
    expect(held(changes)).toEqual(['default mode: redundant']);
  });

  it('takes its turn beside reloads of the file: what is listed is in force', async () => {
    const { changes, config } = await bench();
    await changes.make(BLOCK, 'until-restart');
    await Promise.all([
      changes.reloadFile(),
      changes.make(REDUNDANT, 'until-restart'),
      changes.reloadFile(),
      changes.make(OFF, 'until-restart'),
      changes.reloadFile(),
    ]);
    expect(held(changes)).toEqual(['ads.test: blocked', 'default mode: redundant', 'wifi: off']);
    expect([
      config().steering.rules.length,
      config().steering.default.mode,
      config().uplinks[0]!.isOff,
    ]).toEqual([1, 'redundant', true]);
  });

  it('is held as before where the client could not go by the file', async () => {
    const { changes, file, failReloads } = await bench();
    await changes.make(OFF, 'until-restart');
    await writeFile(file, TEXT.replace('name: wifi', 'name: cable'));
    failReloads();
    await expect(changes.reloadFile()).rejects.toThrow('no reload');
    expect(held(changes)).toEqual(['wifi: off']);
  });

  it.each(['until-restart', 'in-file'] as const)(
    'is refused where the file was changed by hand: %s',
    async (lasts) => {
      const { changes, file, reloads, text } = await bench();
      const byHand = `${TEXT}# mine\n`;
      await writeFile(file, byHand);
      await expect(changes.make(REDUNDANT, lasts)).rejects.toThrow('has changed since the client read it');
      expect([await text(), reloads.length, held(changes)]).toEqual([byHand, 0, []]);
    },
  );

  it.each<readonly [string, ConfigEdit, string]>([
    ['an uplink that is not there', { ...OFF, name: 'x' }, 'not in the configuration'],
    ['an uplink that no rule may name', { ...BLOCK, action: { direct: 'nowhere' } }, 'nowhere'],
    ['no host', { ...BLOCK, match: { host: 'a b' } }, 'expected a name'],
    ['a mode that needs more', { ...REDUNDANT, mode: 'priority' }, 'add "order"'],
  ])('changes nothing when the configuration cannot be so: %s', async (_, edit, words) => {
    const { changes, reloads, text } = await bench();
    for (const lasts of ['until-restart', 'in-file'] as const) {
      await expect(changes.make(edit, lasts)).rejects.toThrow(words);
    }
    expect([await text(), reloads.length, held(changes)]).toEqual([TEXT, 0, []]);
    // And the next one is made.
    await changes.make(REDUNDANT, 'in-file');
    expect(reloads).toHaveLength(1);
  });

  it('says which file it cannot write, and why; what runs is as before', async () => {
    const { changes, file, reloads } = await bench();
    await rm(file);
    await expect(changes.make(REDUNDANT, 'in-file')).rejects.toThrow('there is no such file');
    await mkdir(file);
    await expect(changes.make(REDUNDANT, 'in-file')).rejects.toThrow('is not a file');
    expect(reloads).toEqual([]);
  });

  it.skipIf(userInfo().uid === 0)('says so of a directory that nothing can be written to', async () => {
    const { changes, file, reloads, text } = await bench();
    await chmod(dirname(file), 0o500);
    await expect(changes.make(REDUNDANT, 'in-file')).rejects.toThrow('permission denied');
    await chmod(dirname(file), 0o700);
    expect([await text(), reloads.length]).toEqual([TEXT, 0]);
    await changes.make(REDUNDANT, 'until-restart');
  });

  it('says that the file has it where the client could not go by it', async () => {
    const { changes, failReloads, text } = await bench();
    failReloads();
    await expect(changes.make(REDUNDANT, 'in-file')).rejects.toThrow(/has the change, but .*no reload/);
    expect(await text()).toBe(TEXT.replace('aggregate', 'redundant'));
  });

  it('is made one after the other', async () => {
    const { changes, config, text } = await bench();
    await Promise.all([
      changes.make(REDUNDANT, 'in-file'),
      changes.make(OFF, 'in-file'),
      changes.make(BLOCK, 'until-restart'),
    ]);
    expect(config().steering.rules).toHaveLength(1);
    expect(await text()).toContain('redundant');
    expect(await text()).toContain('enabled: false');
    expect(await text()).not.toContain('ads.test');
  });

  it('can be taken back while it is held', async () => {
    const { changes, config, text } = await bench();
    for (const edit of [REDUNDANT, OFF, BLOCK]) await changes.make(edit, 'until-restart');
    for (const { subject } of changes.held.slice(1)) await changes.undo(subject);
    expect(held(changes)).toEqual(['default mode: redundant']);
    expect([config().steering.rules, config().uplinks[0]!.isOff]).toEqual([[], undefined]);
    await expect(changes.undo('uplink wifi')).rejects.toThrow('not held any more');
    await changes.undo(changes.held[0]!.subject);
    expect([config().steering.default.mode, await text()]).toEqual(['aggregate', TEXT]);
  });

  it('holds only so many', async () => {
    const { changes } = await bench();
    for (let i = 0; i < 32; i++)
      await changes.make({ ...BLOCK, match: { host: `h${i}.test` } }, 'until-restart');
    await expect(changes.make(BLOCK, 'until-restart')).rejects.toThrow('no more than 32');
  });
});
