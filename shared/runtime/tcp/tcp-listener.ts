import type { AddressInfo, ListenOptions as NodeListenOptions, Server } from 'node:net';
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

/** What to do about an error, by its code. */
export type ListenAdvice = Readonly<Record<string, string>>;

/** A listening address cannot be had; the message says which, why, and what to do. */
export class ListenError extends TributaryError {
  /** The errno's name. */
  readonly errno: string;

  /** @param address in words */
  constructor(
    address: string,
    setting: string | undefined,
    error: NodeJS.ErrnoException,
    advice: ListenAdvice = TCP_ADVICE,
  ) {
    const where = `${address}${setting === undefined ? '' : ` (${setting})`}`;
    const why = advice[error.code ?? ''] ?? errorWords(error);
    super('networkFailure', `cannot listen on ${where}: ${why}`, 'ours', { cause: error });
    this.errno = error.code ?? '';
  }
}

/**
 * Starts a server; resolves with the address it listens on, rejects with `ListenError`.
 * `onError` gets what goes wrong later (no descriptors left to accept with, for one); the server goes on.
 */
export async function listen(
  server: Server,
  address: ListenAddress,
  options: ListenOptions,
  onError: (error: Error) => void,
): Promise<ListenAddress> {
  const at = { ...address, ipv6Only: options.ipv6Only ?? false };
  await startListening(server, at, { ...options, address: formatDestination(address) }, onError);
  const { address: host, port } = server.address() as AddressInfo;
  return { host, port };
}

/** Starts a server at what Node.js calls `at`; otherwise as `listen`. */
export function startListening(
  server: Server,
  at: NodeListenOptions | { readonly fd: number },
  {
    backlog,
    setting,
    address,
    advice,
  }: ListenOptions & { readonly address: string; readonly advice?: ListenAdvice },
  onError: (error: Error) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const onListenError = (error: Error) => reject(new ListenError(address, setting, error, advice));
    server.once('error', onListenError);
    server.listen({ ...at, ...(backlog === undefined ? {} : { backlog }) }, () => {
      server.off('error', onListenError);
      server.on('error', onError);
      resolve();
    });
  });
}

const TCP_ADVICE: ListenAdvice = {
  EADDRINUSE: 'another program already listens there (EADDRINUSE); stop it or choose another port',
  EACCES: 'not allowed (EACCES); choose a port from 1024 up or grant CAP_NET_BIND_SERVICE',
  EADDRNOTAVAIL: 'this machine has no such address (EADDRNOTAVAIL); see `ip address`',
};
