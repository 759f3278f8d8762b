import type { Logger } from 'pino';
import {
  listenForSubflows,
  type SubflowListener,
  type SubflowListenerOptions,
} from '../shared/runtime/subflow/subflow-listener.ts';
import { ListenError } from '../shared/runtime/tcp/tcp-listener.ts';
import type { ListenAddress } from './config/concentrator-config.ts';

/**
 * Listens for subflows at all addresses, or, where this machine lacks some of them, at those that are required. Rejects with
 * ListenError.
 */
export async function listenWherePossible(
  addresses: readonly ListenAddress[],
  options: Omit<SubflowListenerOptions, 'addresses'>,
  logger: Logger,
): Promise<SubflowListener> {
  try {
    return await listenForSubflows({ ...options, addresses });
  } catch (error) {
    const required = addresses.filter((address) => address.required);
    if (!(error instanceof ListenError) || required.length === addresses.length) throw error;
    logger.warn({ reason: error.message }, 'listening without the optional addresses');
    return listenForSubflows({ ...options, addresses: required });
  }
}
