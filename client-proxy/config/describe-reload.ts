import {
  compareConfigs,
  type Reload,
  type ReloadRule,
  takeOver,
  taking,
} from '../../shared/runtime/config/reload.ts';
import type { ClientConfig, ConfiguredConcentrator } from './client-config.ts';

/** What a reload (SIGHUP) of the client's configuration changes: taken over at once, or only by a restart. @param before what holds, as `takenOver` tells */
export function describeReload(before: ClientConfig, after: ClientConfig): Reload {
  return compareConfigs(rulesBetween(before, after), before, after);
}

/** What holds after a reload without a restart. */
export function takenOver(before: ClientConfig, after: ClientConfig): ClientConfig {
  return takeOver(rulesBetween(before, after), before, after);
}

function rulesBetween(before: ClientConfig, after: ClientConfig): readonly ReloadRule<ClientConfig>[] {
  return before.mode === after.mode ? RELOAD_RULES : RULES_OF_ANOTHER_MODE;
}

/** What of each concentrator stands under this key, in the file or for it. */
function ofEach<Value>(pick: (one: ConfiguredConcentrator) => Value) {
  return ({ concentrators }: ClientConfig) => concentrators.map((one) => [one.name, pick(one)]);
}

/** `concentrator` and `client` are of the first. */
const takeConcentrators = taking<ClientConfig>('concentrators', 'concentrator', 'client');

/** Every key of the file stands here, by itself or by one above it. */
export const RELOAD_RULES: readonly ReloadRule<ClientConfig>[] = [
  { key: 'mode', value: (config) => config.mode, applies: 'restart' },
  {
    key: 'concentrator.addresses',
    value: ofEach((one) => one.concentrator.addresses),
    applies: 'live',
    take: takeConcentrators,
  },
  {
    key: 'concentrator.pin',
    value: ofEach((one) => one.concentrator.pins),
    applies: 'live',
    take: takeConcentrators,
  },
  {
    key: 'concentrator.serverName',
    value: ofEach((one) => one.concentrator.serverName),
    applies: 'live',
    take: takeConcentrators,
  },
  {
    key: 'concentrators',
    value: ({ concentrators }) => concentrators.map(({ name }) => name),
    applies: 'live',
    take: takeConcentrators,
  },
  { key: 'client.id', value: ofEach((one) => one.client.id), applies: 'live', take: takeConcentrators },
  { key: 'client.key', value: ofEach((one) => one.client.key), applies: 'live', take: takeConcentrators },
  { key: 'client.keyFile', value: ofEach((one) => one.keyFile), applies: 'live', take: takeConcentrators },
  {
    key: 'socks.allow',
    value: (config) => config.socks.allow,
    applies: 'live',
    take: (before, { socks: { allow } }) => ({ ...before, socks: { ...before.socks, allow } }),
  },
  { key: 'socks', value: ({ socks: { allow: _, ...rest } }) => rest, applies: 'restart' },
  { key: 'transparent', value: (config) => config.transparent, applies: 'restart' },
  { key: 'datagrams', value: (config) => config.datagrams, applies: 'restart' },
  {
    key: 'uplinks',
    value: ({ uplinks, autoUplinks }) => ({ uplinks, autoUplinks }),
    applies: 'live',
    take: taking('uplinks', 'autoUplinks'),
  },
  {
    key: 'subflowsPerPath',
    value: (config) => config.subflowsPerPath,
    applies: 'live',
    take: taking('subflowsPerPath'),
  },
  { key: 'steering', value: (config) => config.steering, applies: 'live', take: taking('steering') },
  { key: 'publish', value: (config) => config.publish, applies: 'live', take: taking('publish') },
  { key: 'fallback', value: (config) => config.fallback, applies: 'live', take: taking('fallback') },
  { key: 'direct', value: (config) => config.direct, applies: 'restart' },
  { key: 'standby', value: (config) => config.standby, applies: 'live', take: taking('standby') },
  { key: 'paths', value: (config) => config.paths, applies: 'restart' },
  { key: 'linger', value: (config) => config.lingerMs, applies: 'restart' },
  { key: 'dial', value: (config) => config.dial, applies: 'restart' },
  { key: 'connections', value: (config) => config.connections, applies: 'restart' },
  { key: 'memory', value: (config) => config.memory, applies: 'restart' },
  { key: 'stateDir', value: (config) => config.stateDirectory, applies: 'restart' },
  { key: 'metrics', value: (config) => config.metrics, applies: 'restart' },
  { key: 'tuning', value: (config) => config.tuning, applies: 'restart' },
  {
    key: 'log.level',
    value: (config) => config.log.level,
    applies: 'live',
    take: (before, { log: { level } }) => ({ ...before, log: { ...before.log, level } }),
  },
  { key: 'log.format', value: (config) => config.log.format, applies: 'restart' },
];

/** What belongs to a mode is taken over with it. */
const OF_MODE = /^(concentrators?|client|publish|fallback)(\.|$)/;
const RULES_OF_ANOTHER_MODE = RELOAD_RULES.map(
  (rule): ReloadRule<ClientConfig> => (OF_MODE.test(rule.key) ? { ...rule, applies: 'restart' } : rule),
);
