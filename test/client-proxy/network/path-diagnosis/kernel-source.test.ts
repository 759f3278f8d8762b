import { readFile } from 'node:fs/promises';
import { afterEach, expect, it, vi } from 'vitest';
import { thisKernel } from '../../../../client-proxy/network/path-diagnosis/kernel-source.ts';
import { isOnPath } from '../../../bed/on-path.ts';

vi.mock('node:fs/promises', { spy: true });
afterEach(() => {
  vi.restoreAllMocks();
});

const isLinux = process.platform === 'linux' && isOnPath('ip');

it.runIf(isLinux)(
  'knows the settings of interfaces, and rp_filter also where /proc does not show them',
  async () => {
    const both = () => Promise.all(['all', 'lo'].map((device) => thisKernel.readConf(device, 'rp_filter')));
    const shown = await both();
    expect(shown.every((value) => value === 0 || value === 1 || value === 2)).toBe(true);
    expect(await thisKernel.readConf('lo', 'arp_ignore')).toBeTypeOf('number');
    vi.mocked(readFile).mockRejectedValue(new Error('ENOENT'));
    expect(await both()).toEqual(shown);
    expect(await thisKernel.readConf('missing0', 'rp_filter')).toBeUndefined();
    expect(await thisKernel.readConf('lo', 'arp_ignore')).toBeUndefined();
  },
);
