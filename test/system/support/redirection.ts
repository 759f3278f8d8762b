import type { Pair } from './pair.ts';
import { command } from './program.ts';

export const REDIRECT_PORT = 12345;
/** For the client's configuration. */
export const TRANSPARENT = { listen: [`0.0.0.0:${REDIRECT_PORT}`, `[::]:${REDIRECT_PORT}`] };
/** The client runs as root, so what is redirected locally must belong to somebody else: nobody. */
export const AS_NOBODY = ['setpriv', '--reuid=65534', '--clear-groups'] as const;

/** Runs `transparent` at the client; the addresses of the network are private ones. */
export function transparent(pair: Pair, ...args: readonly string[]): Promise<string> {
  const { network, clientFile } = pair;
  const privately = args.includes('--remove') ? [] : ['--private'];
  return command(network.client, 'client-proxy', [
    'transparent',
    '--config',
    clientFile,
    ...args,
    ...privately,
  ]);
}
