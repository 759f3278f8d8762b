import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { UPLINK_CHECKS } from '../../../client-proxy/doctor/uplink-checks.ts';
import { metered as metering } from '../../../client-proxy/metering/metered-settings.ts';
import { readUsageFile, USAGE_FILE_NAME } from '../../../client-proxy/metering/usage-file.ts';
import { runChecks } from '../../../shared/runtime/doctor/run-checks.ts';
import { temporaryDirectory } from '../../config/temporary-directory.ts';
import { asUser, IS_ROOT, NOBODY } from '../../support/as-user.ts';
import { doctorCase, run, UPLINK } from './doctor-case.ts';

describe('cap', () => {
  const atCap = async (over: Parameters<typeof metering.parse>[0], options = {}) => {
    const usageFile = join(await temporaryDirectory(), USAGE_FILE_NAME);
    const uplink = { ...UPLINK, metered: metering.parse(over) };
    const it = doctorCase({ uplink, usageFile });
    await run('usage', it);
    return run('cap', { ...it, options: { ...it.options, ...options } });
  };

  it.each([
    [{ monthly: '4MiB' }, {}, 'ok', /room below its caps/],
    [{ monthly: '2MiB' }, {}, 'warning', /^monthly cap reached, until 1970-02-01: .* no other uplink works/],
    [{ daily: '2MiB', atCap: 'stop' }, {}, 'failed', /^daily cap reached, .* sends nothing over it/],
    [{ daily: '2MiB', atCap: 'stop' }, { metered: true }, 'warning', /sends nothing over it/],
  ])('of %j with %j', async (settings, options, outcome, words) => {
    expect(await atCap(settings, options)).toMatchObject({ outcome, words: expect.stringMatching(words) });
  });

  it.each([
    [{ daily: '2MiB', atCap: 'stop' }, {}, 'failed'],
    [{ daily: '2MiB', atCap: 'stop' }, { metered: true }, 'warning'],
    [{ daily: '2MiB' }, {}, 'warning'],
  ])('of %j with %j is not known where the usage cannot be read', async (settings, options, outcome) => {
    const folder = await temporaryDirectory();
    const usageFile = join(folder, USAGE_FILE_NAME);
    const uplink = { ...UPLINK, plan: 'sim', metered: metering.parse(settings) };
    const it = doctorCase({ uplink, usageFile });
    const asked = { ...it, options: { ...it.options, ...options } };
    await writeFile(usageFile, '{');
    const words = expect.stringMatching(/^what the plan sim has used cannot be read: .*metered-usage.json/);
    expect(await run('cap', asked)).toMatchObject({ outcome, words });
    await rm(usageFile);
    await mkdir(usageFile);
    expect(await run('cap', asked)).toMatchObject({ outcome, words });
  });

  it('is no check where there is none, and nothing is sent over an uplink that is stopped', async () => {
    const usageFile = join(await temporaryDirectory(), USAGE_FILE_NAME);
    const uplink = { ...UPLINK, metered: metering.parse({ daily: '2MiB', atCap: 'stop' }) };
    const it = doctorCase({ uplink, usageFile });
    await run('usage', it);
    const [connect, ask] = [vi.fn(), vi.fn()];
    const watched = { ...it, prober: { ...it.prober, connect }, names: { ...it.names, ask } };
    const outcomes: string[] = [];
    await runChecks(UPLINK_CHECKS, watched, 'wifi', ({ check, outcome }) =>
      outcomes.push(`${check} ${outcome}`),
    );
    expect(outcomes.slice(0, 4)).toEqual(['interface ok', 'address ok', 'cap failed', 'route skipped']);
    expect([connect.mock.calls, ask.mock.calls]).toEqual([[], []]);
    const check = UPLINK_CHECKS.find(({ name }) => name === 'cap')!;
    expect(check.applies!(doctorCase())).toBe(false);
  });
});

describe('usage', () => {
  const metered = metering.parse({ monthly: '4MiB', warnAt: '50%' });
  const case_ = (usageFile: string) => doctorCase({ uplink: { ...UPLINK, plan: 'sim', metered }, usageFile });

  it('counts for its plan what the checks have used of a metered uplink, and says that a cap is near', async () => {
    const file = join(await temporaryDirectory(), USAGE_FILE_NAME);
    const found = await run('usage', case_(file));
    expect(found).toMatchObject({
      ...{ outcome: 'ok', figures: { used: { value: 3_000_000, unit: 'bytes' } } },
      words: 'this examination has used 3 MB, counted for the plan sim; its monthly cap is nearly reached',
    });
    await run('usage', case_(file));
    const kept = await readUsageFile(file);
    expect(kept.kind === 'read' && kept.usage.get('sim')!.month).toMatchObject({
      ...{ sentBytes: 2_000_000, receivedBytes: 4_000_000 },
    });
  });

  it('is counted once where a signal ends the command while that is under way', async () => {
    const file = join(await temporaryDirectory(), USAGE_FILE_NAME);
    const it = case_(file);
    await Promise.all([run('usage', it), run('usage', it)]);
    const kept = await readUsageFile(file);
    expect(kept.kind === 'read' && kept.usage.get('sim')!.month).toMatchObject({
      ...{ sentBytes: 1_000_000, receivedBytes: 2_000_000 },
    });
  });

  it('warns where no program can count it', async () => {
    const folder = await temporaryDirectory();
    await writeFile(join(folder, 'state'), '');
    const { outcome, words, remedy } = await run('usage', case_(join(folder, 'state', USAGE_FILE_NAME)));
    expect(outcome).toBe('warning');
    expect(words).toMatch(/^this examination has used 3 MB, which no cap counts: .*state/);
    expect(remedy).toEqual([expect.stringContaining(`df -h ${join(folder, 'state')};`)]);
  });

  it.runIf(IS_ROOT && process.platform === 'linux')(
    'does not say so where the folder is not there',
    async () => {
      // Nobody makes one there.
      expect(await run('usage', case_(join('/proc/nothing', USAGE_FILE_NAME)))).toMatchObject({
        ...{ outcome: 'ok', words: expect.stringContaining('which no cap counts: ') },
        remedy: [expect.stringMatching(/^run doctor as the user that the client runs as/)],
      });
    },
  );

  it.runIf(IS_ROOT)('says where only another user can', async () => {
    const it = case_(join(await temporaryDirectory(), USAGE_FILE_NAME));
    const { outcome, remedy } = await asUser(NOBODY, async () => run('usage', it));
    expect(outcome).toBe('ok');
    expect(remedy).toEqual([expect.stringMatching(/^run doctor as the user that the client runs as/)]);
  });
});
