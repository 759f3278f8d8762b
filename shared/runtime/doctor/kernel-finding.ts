import { type Finding, failed, ok, skipped, warning } from './finding.ts';
import type { KernelSettings } from './kernel-settings.ts';

/** Below this, a window of TCP is smaller than what 8 Mbit/s and a round trip of 100 ms have under way. */
const LEAST_BUFFER_BYTES = 100_000;
/** 100 Mbit/s and a round trip of 150 ms; half of a buffer is for what the kernel itself needs. */
const GOOD_BUFFER_BYTES = 4 * 1024 * 1024;

/** 100 Mbit/s for 80 ms; UDP sockets may have no more than this, however much they ask for. */
const GOOD_UDP_BUFFER_BYTES = 1024 * 1024;

/**
 * What the kernel's settings mean for an end of the subflows. What only makes it less fast is said with `ok`.
 * @param prefix of each remedy, where it is for another machine: "at the concentrator: "
 */
export function kernelFinding(settings: KernelSettings, prefix = ''): Finding {
  const control = settings['net.ipv4.tcp_congestion_control'];
  if (control === undefined) return skipped('this kernel does not tell its settings');
  const [received, sent] = [largest(settings['net.ipv4.tcp_rmem']), largest(settings['net.ipv4.tcp_wmem'])];
  const probing = settings['net.ipv4.tcp_mtu_probing'];
  const words =
    `congestion control ${control}${hasBbr(settings) && control !== 'bbr' ? ' (bbr is there)' : ''}, ` +
    `buffers up to ${mebibytes(received)} and ${mebibytes(sent)}, tcp_mtu_probing ${probing ?? 'unknown'}`;
  const figures = {
    ...(received === undefined ? {} : { receiveBuffer: { value: received, unit: 'bytes' as const } }),
    ...(sent === undefined ? {} : { sendBuffer: { value: sent, unit: 'bytes' as const } }),
  };
  const wrong = WRONG.filter(({ isWrong }) => isWrong(settings));
  const line = (text: string) => `${prefix}${text}`;
  if (wrong.length > 0) {
    const say = wrong.some(({ isFatal }) => isFatal) ? failed : warning;
    const reasons = wrong.map(({ reason }) => reason).join('; ');
    return say(
      reasons,
      wrong.map(({ remedy }) => line(remedy)),
      figures,
    );
  }
  return ok(words, figures, advice(settings, received, sent).map(line));
}

interface WrongSetting {
  isWrong(settings: KernelSettings): boolean;
  readonly isFatal?: boolean;
  readonly reason: string;
  readonly remedy: string;
}

const WRONG: readonly WrongSetting[] = [
  {
    isWrong: (settings) => settings['net.ipv4.tcp_window_scaling'] === '0',
    reason: 'window scaling is off, so that no subflow can have more than 64 KB under way',
    remedy: 'sysctl -w net.ipv4.tcp_window_scaling=1',
  },
  {
    isWrong: (settings) => settings['net.ipv4.tcp_sack'] === '0',
    reason: 'selective acknowledgements are off, so that each loss costs a round trip',
    remedy: 'sysctl -w net.ipv4.tcp_sack=1',
  },
  {
    isWrong: (settings) => (largest(settings['net.ipv4.tcp_rmem']) ?? GOOD_BUFFER_BYTES) < LEAST_BUFFER_BYTES,
    reason: 'the receive buffer is small enough to be the limit of a subflow',
    remedy: "sysctl -w net.ipv4.tcp_rmem='4096 131072 6291456'",
  },
  {
    isWrong: (settings) => (largest(settings['net.ipv4.tcp_wmem']) ?? GOOD_BUFFER_BYTES) < LEAST_BUFFER_BYTES,
    reason: 'the send buffer is small enough to be the limit of a subflow',
    remedy: "sysctl -w net.ipv4.tcp_wmem='4096 16384 4194304'",
  },
];

function advice(settings: KernelSettings, received: number | undefined, sent: number | undefined): string[] {
  const lines: string[] = [];
  if (!hasBbr(settings)) {
    const available = settings['net.ipv4.tcp_available_congestion_control']?.split(' ') ?? [];
    if (!available.includes('bbr'))
      lines.push('modprobe tcp_bbr   # BBR loses less on radio links than CUBIC');
    const allowed = settings['net.ipv4.tcp_allowed_congestion_control'] ?? 'reno cubic';
    lines.push(
      `sysctl -w net.ipv4.tcp_allowed_congestion_control='${allowed} bbr'   # for programs without root`,
    );
  }
  if ((received ?? GOOD_BUFFER_BYTES) < GOOD_BUFFER_BYTES)
    lines.push(
      "sysctl -w net.ipv4.tcp_rmem='4096 131072 6291456'   # for fast uplinks with a long round trip",
    );
  if ((sent ?? GOOD_BUFFER_BYTES) < GOOD_BUFFER_BYTES)
    lines.push(
      "sysctl -w net.ipv4.tcp_wmem='4096 16384 4194304'   # for fast uplinks with a long round trip",
    );
  const udp = Number(settings['net.core.rmem_max'] ?? GOOD_BUFFER_BYTES);
  if (udp < GOOD_UDP_BUFFER_BYTES)
    lines.push(
      `sysctl -w net.core.rmem_max=${GOOD_BUFFER_BYTES}   # for UDP: what waits for a busy program is not lost`,
    );
  return lines;
}

function hasBbr(settings: KernelSettings): boolean {
  const control = settings['net.ipv4.tcp_congestion_control'];
  return control === 'bbr' || (settings['net.ipv4.tcp_allowed_congestion_control'] ?? '').includes('bbr');
}

/** The last of the three numbers of tcp_rmem and tcp_wmem. */
function largest(value: string | undefined): number | undefined {
  const last = value?.split(' ').at(-1);
  return last === undefined ? undefined : Number(last);
}

function mebibytes(bytes: number | undefined): string {
  return bytes === undefined ? 'unknown size' : `${Math.round((bytes / 1024 / 1024) * 10) / 10} MiB`;
}
