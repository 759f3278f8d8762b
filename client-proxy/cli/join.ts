import { randomBytes } from 'node:crypto';
import { join as joinPath, resolve } from 'node:path';
import { TributaryError } from '../../shared/protocol/errors.ts';
import { UsageError } from '../../shared/runtime/config/command-line.ts';
import { defaultConfigDirectory } from '../../shared/runtime/config/config-search.ts';
import { isLoopback, parseListenAddress } from '../../shared/runtime/config/schema-pieces.ts';
import { parseLink } from '../../shared/runtime/identity/link.ts';
import { fileExists, writePrivateFile } from '../../shared/runtime/identity/private-file.ts';
import { MAX_UPLINKS } from '../config/client-schema.ts';
import type { ClientCliDeps } from './client-cli-deps.ts';
import { clientConfigText, type NewUplink } from './client-config-text.ts';
import { discoverUplinks, type FoundUplink } from './uplink-discovery.ts';

/** The configuration's usual name. */
export const CLIENT_CONFIG_NAME = 'tributary-client.yaml';

interface JoinOptions {
  readonly config?: string;
  readonly socks: string;
  readonly force?: boolean;
}

/** Writes a client's configuration from a link and the uplinks found here. Throws when there is nothing to run with. */
export async function join(linkText: string, options: JoinOptions, deps: ClientCliDeps): Promise<void> {
  const link = parseLink(linkText);
  const listen = parseListenAddress(options.socks);
  if (!listen)
    throw new UsageError('--socks expects ADDRESS:PORT, for example 127.0.0.1:1080 or "[::1]:1080"');
  const file = targetFile(options.config, deps);
  if (!options.force && (await fileExists(file))) {
    throw new UsageError(`${file} exists already: --force replaces it, --config FILE writes another`);
  }
  const binding = deps.interfaceBinding();
  const found = discoverUplinks(deps.networkInterfaces()).slice(0, MAX_UPLINKS);
  const uplinks = newUplinks(found, binding.available);
  const users = isLoopback(listen.host)
    ? []
    : [{ name: 'tributary', password: randomBytes(18).toString('base64url') }];
  const text = clientConfigText({ link, listen, users, uplinks });
  await writePrivateFile(file, text, { overwrite: options.force === true });

  const say = (line: string) => deps.stderr(`${line}\n`);
  say(`Wrote ${file} (readable by its owner alone, since it holds the client's key).`);
  for (const { interface: name, addresses } of found) say(`Uplink found: ${name} (${addresses.join(', ')})`);
  if (!binding.available) {
    say(`Uplinks are bound by address, since binding by interface is not available: ${binding.reason}`);
    say('If an address changes, change it in the configuration too.');
  }
  if (users.length > 0) {
    say(
      `Others can reach ${options.socks}, so applications must give a user and password: see socks.users there.`,
    );
  }
  if (found.length === 0) {
    const message = `no uplink found on this machine: connect one, then add it under "uplinks" in ${file}`;
    throw new TributaryError('networkFailure', message, 'ours');
  }
  if (found.length === 1) {
    say(
      'With a single uplink there is nothing to aggregate: connect another (Wi-Fi beside Ethernet, a phone by USB),',
    );
    say('then run this again with --force, or add it under "uplinks".');
  } else {
    say('Remove from "uplinks" what does not lead to the internet; mark a metered one with "backup: true".');
  }
  say('Next: tributary-client check, then tributary-client');
}

function targetFile(named: string | undefined, deps: ClientCliDeps): string {
  const chosen = named ?? deps.env.TRIBUTARY_CONFIG;
  return chosen ? resolve(deps.cwd, chosen) : joinPath(defaultConfigDirectory(deps), CLIENT_CONFIG_NAME);
}

function newUplinks(found: readonly FoundUplink[], byInterface: boolean): NewUplink[] {
  const taken = new Set<string>();
  return found.map(({ interface: device, addresses }) => {
    const plain = device.replace(/[^A-Za-z0-9_.-]/g, '-').slice(0, 28);
    let name = plain;
    for (let count = 2; taken.has(name); count++) name = `${plain}-${count}`;
    taken.add(name);
    return byInterface ? { name, interface: device } : { name, address: addresses[0] ?? '' };
  });
}
