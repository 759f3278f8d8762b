import { isDeepStrictEqual } from 'node:util';
import {
  compareConfigs,
  type Reload,
  type ReloadRule,
  takeOver,
  taking,
} from '../../shared/runtime/config/reload.ts';
import type { ConcentratorConfig } from './concentrator-config.ts';

/** What a reload (SIGHUP) of the concentrator's files changes: taken over at once, or only by a restart. */
export function describeReload(before: ConcentratorConfig, after: ConcentratorConfig): Reload {
  return compareConfigs(rulesBetween(before, after), before, after);
}

/** What holds after a reload without a restart. */
export function takenOver(before: ConcentratorConfig, after: ConcentratorConfig): ConcentratorConfig {
  return takeOver(rulesBetween(before, after), before, after);
}

function rulesBetween(before: ConcentratorConfig, after: ConcentratorConfig) {
  const isSameSource = isDeepStrictEqual(databaseOf(before), databaseOf(after));
  // From a file to a database or back: the clients of before go on.
  return isSameSource ? RELOAD_RULES : RELOAD_RULES.filter(({ key }) => key !== 'clients');
}

/** A password in a file of its own is read for each connection. */
function databaseOf({ clientsDatabase }: ConcentratorConfig): ConcentratorConfig['clientsDatabase'] {
  if (clientsDatabase?.passwordFile === undefined) return clientsDatabase;
  const { password: _, ...rest } = clientsDatabase;
  return rest;
}

const DATABASE = 'clients.database';

/** Whether the files say who the clients are, and not a database, now or in what holds. @param holds as `takenOver` tells */
export function areClientsInFiles(holds: ConcentratorConfig, next: ConcentratorConfig): boolean {
  return next.clientsDatabase === undefined && holds.clientsDatabase === undefined;
}

/** Every key of the file stands here, by itself or by one above it. */
export const RELOAD_RULES: readonly ReloadRule<ConcentratorConfig>[] = [
  { key: 'listen', value: (config) => config.listen, applies: 'restart' },
  // Its addresses are this machine's own, which are not dialled; else only the commands that print links read it.
  { key: 'public', value: (config) => config.public, applies: 'live', take: taking('public') },
  { key: 'joinName', value: (config) => config.joinName, applies: 'restart' },
  { key: 'announce', value: (config) => config.announce, applies: 'live', take: taking('announce') },
  { key: 'balancers', value: (config) => config.balancers, applies: 'restart' },
  { key: 'tls', value: (config) => config.tls, applies: 'live', take: taking('tls') },
  {
    key: 'clients',
    value: (config) => [config.clientsFile, config.clients],
    applies: 'live',
    take: taking('clientsFile', 'clients'),
  },
  { key: DATABASE, value: databaseOf, applies: 'restart' },
  { key: 'stateDir', value: (config) => config.stateDirectory, applies: 'restart' },
  {
    key: 'egress.allow',
    value: (config) => config.egress.allow,
    applies: 'live',
    take: (before, { egress: { allow } }) => ({ ...before, egress: { ...before.egress, allow } }),
  },
  {
    key: 'egress.deny',
    value: (config) => config.egress.deny,
    applies: 'live',
    take: (before, { egress: { deny } }) => ({ ...before, egress: { ...before.egress, deny } }),
  },
  { key: 'egress.connectTimeout', value: (config) => config.egress.connectTimeoutMs, applies: 'restart' },
  { key: 'egress.resolveTimeout', value: (config) => config.egress.resolveTimeoutMs, applies: 'restart' },
  { key: 'datagrams', value: (config) => config.datagrams, applies: 'restart' },
  { key: 'visitors', value: (config) => config.visitors, applies: 'live', take: taking('visitors') },
  { key: 'workers', value: (config) => config.workers, applies: 'restart' },
  { key: 'limits', value: (config) => [config.limits, config.clientMetrics], applies: 'restart' },
  { key: 'connections', value: (config) => config.connections, applies: 'restart' },
  { key: 'linger', value: (config) => config.lingerMs, applies: 'restart' },
  { key: 'congestionControl', value: (config) => config.congestionControl, applies: 'restart' },
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
