import type { InheritedSocket } from '../tcp/listen-point.ts';

/** The first descriptor behind standard input, output and error (SD_LISTEN_FDS_START). */
const FIRST_DESCRIPTOR = 3;
/** More than anybody hands over; a number that is no such number is not believed. */
const MAX_SOCKETS = 1024;
/** What sd_listen_fds_with_names(3) calls a socket without a name. */
const NO_NAME = 'unknown';

/**
 * The listening sockets that a service manager has handed over to this process (sd_listen_fds(3): LISTEN_PID, LISTEN_FDS and
 * LISTEN_FDNAMES). Takes the variables out of the environment, so that no child takes the sockets for its own. None where they are
 * meant for another process.
 */
export function takeInheritedSockets(
  environment: Record<string, string | undefined>,
  pid: number,
): readonly InheritedSocket[] {
  const { LISTEN_PID, LISTEN_FDS = '', LISTEN_FDNAMES = '' } = environment;
  for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']) delete environment[name];
  const count = /^\d{1,4}$/.test(LISTEN_FDS) ? Number(LISTEN_FDS) : 0;
  if (LISTEN_PID !== String(pid) || count > MAX_SOCKETS) return [];
  const names = LISTEN_FDNAMES.split(':');
  return Array.from({ length: count }, (_, index) => ({
    descriptor: FIRST_DESCRIPTOR + index,
    name: names[index] || NO_NAME,
  }));
}
