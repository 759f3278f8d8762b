import type { AddressInfo, Server } from 'node:net';
import { formatDestination } from '../../protocol/destination.ts';
import { TributaryError } from '../../protocol/errors.ts';
import { errorWords } from '../text/error-words.ts';

export interface ListenAddress {
  /** An IP address of this machine, `0.0.0.0` or `::` for all. */
  readonly host: string;
  /** 0 lets the kernel choose. */
  readonly port: number;
}

export interface ListenOptions {
  /** Connections that the kernel completes and holds before they are accepted; Node's default is 511. */
  readonly backlog?: number | undefined;
  readonly ipv6Only?: boolean | undefined;
  /** The key of the configuration that the address comes from, for the error. */
  readonly setting?: string | undefined;
}

/** A listening address cannot be had; the message says which, why, and what to do. */
export class ListenError extends TributaryError {
  constructor(address: ListenAddress, setting: string | undefined, error: NodeJS.ErrnoException) {
    const advice = ADVICE[error.code ?? ''] ?? errorWords(error);
    const where = `${formatDestination(address)}${setting === undefined ? '' : ` (${setting})`}`;
    super('networkFailure', `cannot listen on ${where}: ${advice}`, 'ours', { cause: error });
  }
}

/**
 * Starts a server; resolves with the address it listens on, rejects with `ListenError`.
 * `onError` gets what goes wrong later (no descriptors left to accept with, for one); the server goes on.
 */
export function listen(
  server: Server,
  address: ListenAddress,
  options: ListenOptions,
  onError: (error: Error) => void,
): Promise<ListenAddress> {
  return new Promise((resolve, reject) => {
    const onListenError = (error: Error) => reject(new ListenError(address, options.setting, error));
    server.once('error', onListenError);
    server.listen(
      {
        ...address,
        ipv6Only: options.ipv6Only ?? false,
        ...(options.backlog === undefined ? {} : { backlog: options.backlog }),
      },
      () => {
        server.off('error', onListenError);
        server.on('error', onError);
        const { address: host, port } = server.address() as AddressInfo;
        resolve({ host, port });
      },
    );
  });
}

const ADVICE: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program already listens there (EADDRINUSE); stop it or choose another port',
  EACCES: 'not allowed (EACCES); choose a port from 1024 up or grant CAP_NET_BIND_SERVICE',
  EADDRNOTAVAIL: 'this machine has no such address (EADDRNOTAVAIL); see `ip address`',
};
