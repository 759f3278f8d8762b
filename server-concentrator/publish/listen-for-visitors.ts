import {
  type AppSocketListener,
  type AppSocketListenerOptions,
  acceptAppSockets,
} from '../../shared/runtime/app/app-socket-listener.ts';
import { ListenError } from '../../shared/runtime/tcp/tcp-listener.ts';
import { ALL } from './place.ts';

/** Listens at an address, or at all that the machine has (`*`), also where it has no IPv6. Rejects with ListenError. */
export async function listenForVisitors(
  host: string,
  options: Omit<AppSocketListenerOptions, 'host'>,
): Promise<AppSocketListener> {
  if (host !== ALL) return acceptAppSockets({ ...options, host });
  try {
    return await acceptAppSockets({ ...options, host: '::' });
  } catch (error) {
    const cause = error instanceof ListenError ? (error.cause as NodeJS.ErrnoException) : undefined;
    if (!NO_IPV6.has(cause?.code ?? '')) throw error;
    return acceptAppSockets({ ...options, host: '0.0.0.0' });
  }
}

const NO_IPV6: ReadonlySet<string> = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL']);
