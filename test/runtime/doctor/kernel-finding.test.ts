import { expect, it } from 'vitest';
import { kernelFinding } from '../../../shared/runtime/doctor/kernel-finding.ts';
import { type KernelSettings, readKernelSettings } from '../../../shared/runtime/doctor/kernel-settings.ts';

/** As Debian has them. */
const PLAIN: KernelSettings = {
  'net.ipv4.tcp_congestion_control': 'cubic',
  'net.ipv4.tcp_available_congestion_control': 'reno cubic',
  'net.ipv4.tcp_allowed_congestion_control': 'reno cubic',
  'net.ipv4.tcp_rmem': '4096 131072 6291456',
  'net.ipv4.tcp_wmem': '4096 16384 4194304',
  'net.ipv4.tcp_mtu_probing': '0',
  'net.ipv4.tcp_window_scaling': '1',
  'net.ipv4.tcp_sack': '1',
};

it('finds nothing wrong with the settings of a distribution, and says what is better', () => {
  const { outcome, words, remedy } = kernelFinding(PLAIN);
  expect([outcome, words]).toEqual([
    'ok',
    'congestion control cubic, buffers up to 6 MiB and 4 MiB, tcp_mtu_probing 0',
  ]);
  expect(remedy?.join('\n')).toMatch(/modprobe tcp_bbr.*tcp_allowed_congestion_control='reno cubic bbr'/s);
});

it.each<[KernelSettings, RegExp, string]>([
  [{ 'net.ipv4.tcp_window_scaling': '0' }, /window scaling/, 'sysctl -w net.ipv4.tcp_window_scaling=1'],
  [{ 'net.ipv4.tcp_sack': '0' }, /selective/, 'sysctl -w net.ipv4.tcp_sack=1'],
  [{ 'net.ipv4.tcp_rmem': '4096 8192 65536' }, /receive buffer/, 'tcp_rmem'],
  [{ 'net.ipv4.tcp_wmem': '4096 8192 65536' }, /send buffer/, 'tcp_wmem'],
])('finds %j wrong', (changes, words, remedy) => {
  const finding = kernelFinding({ ...PLAIN, ...changes }, 'at the concentrator: ');
  expect(finding).toMatchObject({ outcome: 'warning', words: expect.stringMatching(words) });
  expect(finding.remedy).toEqual([expect.stringMatching(/^at the concentrator: /)]);
  expect(finding.remedy?.join()).toContain(remedy);
});

it('advises more room for UDP where there is little', () => {
  const adviceAt = (bytes: number) =>
    kernelFinding({ ...PLAIN, 'net.core.rmem_max': String(bytes) }).remedy?.filter((line) =>
      line.includes('rmem_max'),
    );
  expect(adviceAt(212_992)).toEqual([expect.stringMatching(/^sysctl -w net\.core\.rmem_max=4194304 /)]);
  expect(adviceAt(4_194_304)).toEqual([]);
});

it('says nothing of a kernel that tells nothing', () => {
  expect(kernelFinding({})).toMatchObject({ outcome: 'skipped' });
});

it('needs no advice with BBR', () => {
  const { words, remedy } = kernelFinding({
    ...PLAIN,
    'net.ipv4.tcp_allowed_congestion_control': 'reno cubic bbr',
  });
  expect([words, remedy]).toEqual([expect.stringContaining('cubic (bbr is there)'), []]);
});

it('reads settings in one line each, and bounds what it reads', () => {
  const settings = readKernelSettings((name) => {
    if (name.endsWith('rmem')) return '4096\t131072\t6291456\n';
    return name.endsWith('sack') ? 'x'.repeat(1_000) : undefined;
  });
  expect(settings).toEqual({
    'net.ipv4.tcp_rmem': '4096 131072 6291456',
    'net.ipv4.tcp_sack': 'x'.repeat(80),
  });
});
