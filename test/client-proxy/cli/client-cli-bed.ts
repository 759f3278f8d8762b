import type { NetworkInterfaceInfo } from 'node:os';
import { join } from 'node:path';
import { buildClientCli } from '../../../client-proxy/cli/client-cli.ts';
import type { ClientCliDeps } from '../../../client-proxy/cli/client-cli-deps.ts';
import { type NetworkInterfaces, portableView } from '../../../client-proxy/network/network-view.ts';
import { commandLineDeps } from '../../config/command-line-deps.ts';
import { NO_TERMINAL } from '../../support/no-terminal.ts';
import { EMPTY_REDIRECT_SYSTEM } from '../../support/redirect-system.ts';

export const KEY = 'c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I';
export const PIN = `sha256:${'A'.repeat(43)}`;
export const LINK = `tributary://laptop:${KEY}@vps.example.org:8443,[2001:db8::1]:443/?pin=${PIN}`;

/** The command line of a laptop's client, in a home directory of its own. */
export async function cli(overrides: Partial<ClientCliDeps> = {}) {
  const { deps, home, file, take } = await clientDeps(overrides);
  const call = buildClientCli(deps);
  const exec = async (...args: string[]) => ({ code: await call(args), ...take() });
  return { exec, home, file };
}

/** What that command line is made of. */
export async function clientDeps(overrides: Partial<ClientCliDeps> = {}) {
  const { deps, home, take } = await commandLineDeps();
  const file = join(home, '.config', 'tributary', 'tributary-client.yaml');
  let stderr = '';
  const all: ClientCliDeps = {
    ...deps,
    ...machine(LAPTOP),
    interfaceBinding: () => ({ available: true }),
    redirectSystem: async () => EMPTY_REDIRECT_SYSTEM,
    terminal: NO_TERMINAL,
    nativeSockets: () => undefined,
    tryUplinks: (_, uplinks) => Promise.resolve(uplinks.map(() => 'portal: a stranger')),
    speedTest: () => Promise.reject(new Error('nothing is measured here')),
    ownCommand: [],
    input: {
      isTerminal: false,
      readText: () => Promise.resolve(undefined),
      ask: () => Promise.resolve(undefined),
    },
    run: () => Promise.resolve(),
    ...overrides,
  };
  /** All that it has explained until now. */
  const said = () => {
    stderr += take().stderr;
    return stderr;
  };
  return { deps: all, home, file, take, said };
}

/** Each with these addresses. */
export function interfaces(table: Record<string, string[]>): NetworkInterfaces {
  return Object.fromEntries(Object.entries(table).map(([name, texts]) => [name, texts.map(address)]));
}

/** The interfaces of a machine on which nothing tells of kinds and routes. */
export function machine(table: NetworkInterfaces): Pick<ClientCliDeps, 'networkInterfaces' | 'readNetwork'> {
  return {
    networkInterfaces: () => table,
    readNetwork: () => Promise.resolve(portableView(table, () => undefined)),
  };
}

function address(text: string): NetworkInterfaceInfo {
  const base = {
    address: text,
    netmask: '',
    mac: '',
    internal: text === '127.0.0.1' || text === '::1',
    cidr: null,
  };
  return text.includes(':') ? { ...base, family: 'IPv6', scopeid: 0 } : { ...base, family: 'IPv4' };
}

const LAPTOP = interfaces({
  lo: ['127.0.0.1', '::1'],
  eth0: ['fe80::1', '2001:db8::5', '10.0.0.5'],
  wlan0: ['192.168.1.5'],
  docker0: ['172.17.0.1'],
  wg0: ['10.9.0.2'],
});
