import type { ClientConfig, ConfiguredUplink } from '../config/client-config.ts';

/**
 * The configuration of a client that measures and does nothing else: over these uplinks alone, with a session of its own, and open to
 * no application. One that runs with the same configuration goes on beside it.
 */
export function measuringConfig(config: ClientConfig, uplinks: readonly ConfiguredUplink[]): ClientConfig {
  const { autoUplinks: _, metrics: __, transparent: ___, fallback: ____, ...rest } = config;
  return {
    ...rest,
    uplinks,
    socks: { ...config.socks, listen: [], udp: false },
    datagrams: false,
    publish: [],
  };
}
