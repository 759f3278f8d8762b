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

async function bench(text = TEXT) {
  const file = await temporaryFile('client.yaml', text);
  let config = await loadClientConfig(file);
  const reloads: ClientConfig[] = [];
  const logged: string[] = [];
  const changes = new ConfigChanges({
    config: () => config,
    reload: async (next) => {
      reloads.push(next);
      config = next;
    },
    wallClock: Date.now,
    logger: { info() {}, warn: (_: unknown, message?: string) => void logged.push(message ?? '') } as never,
  });
  return { file, changes, reloads, logged, config: () => config, text: () => readFile(file, 'utf8') };
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
    expect(changes.held).toEqual(['default mode: redundant', 'wifi: off', 'ads.test: blocked']);
    await changes.make({ ...OFF, use: 'on' }, 'until-restart');
    expect(changes.held).toEqual(['default mode: redundant', 'ads.test: blocked', 'wifi: on']);
    expect([config().uplinks[0]!.isOff, reloads.length]).toEqual([undefined, 4]);
  });

  it('is written into the file, with its comments, and no longer held', async () => {
    const { changes, config, text, file } = await bench();
    await changes.make(REDUNDANT, 'until-restart');
    await changes.make(OFF, 'until-restart');
    await changes.make({ ...REDUNDANT, mode: 'lowest-latency' }, 'in-file');
    expect(await text()).toBe(TEXT.replace('aggregate', 'lowest-latency'));
    // Others than the service's group never read it: it may have keys in it.
    expect((await stat(file)).mode & 0o717).toBe(0o600);
    // What is held on top is not in the file, and goes on to hold.
    expect(changes.held).toEqual(['wifi: off']);
    expect([config().steering.default.mode, config().uplinks[0]!.isOff]).toEqual(['lowest-latency', true]);
    // What the client has written it knows.
    await changes.make(BLOCK, 'in-file');
    expect((await loadClientConfig(file)).steering.rules).toHaveLength(1);
    expect(config().uplinks[0]!.isOff).toBe(true);
  });

  it('keeps what is held when the file is read again, and gives up what has no place any more', async () => {
    const { changes, file, logged } = await bench();
    await changes.make(OFF, 'until-restart');
    await changes.make(REDUNDANT, 'until-restart');
    await writeFile(file, TEXT.replace('aggregate', 'round-robin'));
    const config = await changes.load();
    expect([config.steering.default.mode, config.uplinks[0]!.isOff]).toEqual(['redundant', true]);
    await writeFile(file, TEXT.replace('name: wifi', 'name: cable'));
    expect((await changes.load()).steering.default.mode).toBe('redundant');
    expect(changes.held).toEqual(['default mode: redundant']);
    expect(logged).toEqual(['a change does not hold any more']);
    await writeFile(file, 'nonsense: 1\n');
    await expect(changes.load()).rejects.toThrow('nonsense');
  });

  it.each(['until-restart', 'in-file'] as const)(
    'is refused where the file was changed by hand: %s',
    async (lasts) => {
      const { changes, file, reloads, text } = await bench();
      const byHand = `${TEXT}# mine\n`;
      await writeFile(file, byHand);
      await expect(changes.make(REDUNDANT, lasts)).rejects.toThrow('has changed since the client read it');
      expect([await text(), reloads.length, changes.held]).toEqual([byHand, 0, []]);
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
    expect([await text(), reloads.length, changes.held]).toEqual([TEXT, 0, []]);
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

  it('holds only so many', async () => {
    const { changes } = await bench();
    for (let i = 0; i < 32; i++)
      await changes.make({ ...BLOCK, match: { host: `h${i}.test` } }, 'until-restart');
    await expect(changes.make(BLOCK, 'until-restart')).rejects.toThrow('no more than 32');
  });
});
