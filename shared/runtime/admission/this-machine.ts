import { type Source, sourceOf, UNIX_CLIENT } from './source.ts';

const IPV6_LOOPBACK = sourceOf('::1').host;

/** Whether a connection comes from a loopback address, or by a Unix socket. */
export function isThisMachine({ host }: Pick<Source, 'host'>): boolean {
  return host.startsWith('127.') || host === IPV6_LOOPBACK || host === UNIX_CLIENT;
}
