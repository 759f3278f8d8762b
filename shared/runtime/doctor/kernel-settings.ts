import { readFileSync } from 'node:fs';

/** Settings of the kernel, by name, as `sysctl` prints them; those are missing that this kernel, or this namespace, lacks. */
export type KernelSettings = Readonly<Partial<Record<KernelSettingName, string>>>;
export type KernelSettingName = (typeof KERNEL_SETTING_NAMES)[number];

/** What decides how fast TCP is on a long way, and how it gets over broken ones; and how much UDP may wait. */
export const KERNEL_SETTING_NAMES = [
  'net.ipv4.tcp_congestion_control',
  'net.ipv4.tcp_available_congestion_control',
  'net.ipv4.tcp_allowed_congestion_control',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_wmem',
  'net.ipv4.tcp_mtu_probing',
  'net.ipv4.tcp_window_scaling',
  'net.ipv4.tcp_sack',
  'net.core.somaxconn',
  'net.core.rmem_max',
] as const;

/** No value is longer in practice; what is read is shown to people and sent in a handshake message. */
const MAX_VALUE_LENGTH = 80;

/** Reads them now; empty where this is no Linux. */
export function readKernelSettings(read: (name: string) => string | undefined = readSetting): KernelSettings {
  const entries = KERNEL_SETTING_NAMES.flatMap((name) => {
    const value = read(name)?.trim().replaceAll(/\s+/g, ' ').slice(0, MAX_VALUE_LENGTH);
    return value === undefined || value === '' ? [] : [[name, value] as const];
  });
  return Object.fromEntries(entries);
}

/** One setting of the kernel, by its name with dots; undefined where it cannot be read. */
export function readSetting(name: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/${name.replaceAll('.', '/')}`, 'latin1');
  } catch {
    return undefined;
  }
}
