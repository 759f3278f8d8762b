import { compareConfigs, type Reload, type ReloadRule } from '../../shared/runtime/config/reload.ts';
import type { ClientConfig } from './client-config.ts';

/** What a reload (SIGHUP) of the client's configuration changes: taken over at once, or only by a restart. */
export function describeReload(before: ClientConfig, after: ClientConfig): Reload {
  return compareConfigs(RELOAD_RULES, before, after);
}

/** Every key of the file stands here, by itself or by one above it. */
export const RELOAD_RULES: readonly ReloadRule<ClientConfig>[] = [
  { key: 'concentrator', value: (config) => config.concentrator, applies: 'restart' },
  { key: 'client', value: (config) => config.client, applies: 'restart' },
  { key: 'socks', value: (config) => config.socks, applies: 'restart' },
  { key: 'uplinks', value: ({ uplinks, autoUplinks }) => ({ uplinks, autoUplinks }), applies: 'live' },
  { key: 'subflowsPerPath', value: (config) => config.subflowsPerPath, applies: 'live' },
  { key: 'steering', value: (config) => config.steering, applies: 'live' },
  { key: 'standby', value: (config) => config.standby, applies: 'live' },
  { key: 'paths', value: (config) => config.paths, applies: 'restart' },
  { key: 'linger', value: (config) => config.lingerMs, applies: 'restart' },
  { key: 'dial', value: (config) => config.dial, applies: 'restart' },
  { key: 'connections', value: (config) => config.connections, applies: 'restart' },
  { key: 'memory', value: (config) => config.memory, applies: 'restart' },
  { key: 'stateDir', value: (config) => config.stateDirectory, applies: 'restart' },
  { key: 'metrics', value: (config) => config.metrics, applies: 'restart' },
  { key: 'tuning', value: (config) => config.tuning, applies: 'restart' },
  { key: 'log.level', value: (config) => config.log.level, applies: 'live' },
  { key: 'log.format', value: (config) => config.log.format, applies: 'restart' },
];
