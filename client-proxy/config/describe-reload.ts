import { compareConfigs, type Reload, type ReloadRule } from '../../shared/runtime/config/reload.ts';
import type { ClientConfig, ConfiguredConcentrator } from './client-config.ts';

/** What a reload (SIGHUP) of the client's configuration changes: taken over at once, or only by a restart. @param before what holds, as `takenOver` tells */
export function describeReload(before: ClientConfig, after: ClientConfig): Reload {
  return compareConfigs(before.mode === after.mode ? RELOAD_RULES : RULES_OF_ANOTHER_MODE, before, after);
}

/** What holds after a reload without a restart: the new values of the keys that are taken over at once, and the old ones of all others. */
export function takenOver(before: ClientConfig, after: ClientConfig): ClientConfig {
  const { fallback: _fallback, autoUplinks: _autoUplinks, ...kept } = before;
  const { uplinks, autoUplinks, subflowsPerPath, steering, standby, socks, log } = after;
  // Of a file in the other mode nothing is taken over of what belongs to one.
  const { concentrators, concentrator, client, publish, fallback } =
    after.mode === before.mode ? after : before;
  return {
    ...kept,
    ...{ uplinks, subflowsPerPath, steering, standby, concentrators, concentrator, client, publish },
    ...(autoUplinks && { autoUplinks }),
    ...(fallback && { fallback }),
    socks: { ...before.socks, allow: socks.allow },
    log: { ...before.log, level: log.level },
  };
}

/** What of each concentrator stands under this key, in the file or for it. */
function ofEach<Value>(pick: (one: ConfiguredConcentrator) => Value) {
  return ({ concentrators }: ClientConfig) => concentrators.map((one) => [one.name, pick(one)]);
}

/** Every key of the file stands here, by itself or by one above it. */
export const RELOAD_RULES: readonly ReloadRule<ClientConfig>[] = [
  { key: 'mode', value: (config) => config.mode, applies: 'restart' },
  { key: 'concentrator.addresses', value: ofEach((one) => one.concentrator.addresses), applies: 'live' },
  { key: 'concentrator.pin', value: ofEach((one) => one.concentrator.pins), applies: 'live' },
  { key: 'concentrator.serverName', value: ofEach((one) => one.concentrator.serverName), applies: 'live' },
  {
    key: 'concentrators',
    value: ({ concentrators }) => concentrators.map(({ name }) => name),
    applies: 'live',
  },
  { key: 'client.id', value: ofEach((one) => one.client.id), applies: 'live' },
  { key: 'client.key', value: ofEach((one) => one.client.key), applies: 'live' },
  { key: 'client.keyFile', value: ofEach((one) => one.keyFile), applies: 'live' },
  { key: 'socks.allow', value: (config) => config.socks.allow, applies: 'live' },
  { key: 'socks', value: ({ socks: { allow: _, ...rest } }) => rest, applies: 'restart' },
  { key: 'transparent', value: (config) => config.transparent, applies: 'restart' },
  { key: 'datagrams', value: (config) => config.datagrams, applies: 'restart' },
  { key: 'uplinks', value: ({ uplinks, autoUplinks }) => ({ uplinks, autoUplinks }), applies: 'live' },
  { key: 'subflowsPerPath', value: (config) => config.subflowsPerPath, applies: 'live' },
  { key: 'steering', value: (config) => config.steering, applies: 'live' },
  { key: 'publish', value: (config) => config.publish, applies: 'live' },
  { key: 'fallback', value: (config) => config.fallback, applies: 'live' },
  { key: 'direct', value: (config) => config.direct, applies: 'restart' },
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

/** What belongs to a mode is taken over with it. */
const OF_MODE = /^(concentrators?|client|publish|fallback)(\.|$)/;
const RULES_OF_ANOTHER_MODE = RELOAD_RULES.map((rule) =>
  OF_MODE.test(rule.key) ? { ...rule, applies: 'restart' as const } : rule,
);
