import type { ConcentratorConfig } from './concentrator-config.ts';

/** The UDP ports where packets of clients arrive; none where there are no datagrams. */
export function datagramPorts({
  listen,
  datagrams: { enabled, port },
}: Pick<ConcentratorConfig, 'listen' | 'datagrams'>): readonly number[] {
  if (!enabled) return [];
  return port === undefined ? [...new Set(listen.map((address) => address.port))] : [port];
}
