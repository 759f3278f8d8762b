import { isJoinName } from '../../shared/protocol/handshake/messages.ts';
import type { ConcentratorConfig } from '../config/concentrator-config.ts';
import { joinNameOf } from './placement.ts';

/** What clients' joins call the machine: where the configuration does not say it, one of its names. It holds for as long as the program runs. */
export function machineName({ joinName, public: reached }: ConcentratorConfig): string {
  // It is visible on the network: better one that looks like others.
  return joinName ?? reached.map(({ host }) => host).find(isJoinName) ?? 'concentrator.internal';
}

/**
 * The configuration of one of several processes. Memory, and other things that all clients share, are divided; what one client may have is
 * not, since all its sessions are in one process. Sessions are counted by the first process, which also has the list of clients.
 */
export function workerConfig(config: ConcentratorConfig, index: number, count: number): ConcentratorConfig {
  const { metrics: _, clientsDatabase: __, ...rest } = config;
  const { limits, datagrams, clientMetrics } = config;
  const part = (value: number) => Math.max(1, Math.floor(value / count));
  const memoryTotalBytes = part(limits.memoryTotalBytes);
  return {
    ...rest,
    joinName: joinNameOf(index, machineName(config)),
    clientMetrics: Math.floor(clientMetrics / count),
    datagrams: { ...datagrams, associations: part(datagrams.associations) },
    limits: {
      ...limits,
      memoryTotalBytes,
      memoryPerClientBytes: Math.min(limits.memoryPerClientBytes, memoryTotalBytes),
      memoryPerSessionBytes: Math.min(limits.memoryPerSessionBytes, memoryTotalBytes),
    },
  };
}
