import ipaddr from 'ipaddr.js';
import { formatDestination } from '../../shared/protocol/destination.ts';
import { readableByOthers } from '../../shared/runtime/identity/private-file.ts';
import type { ClientConfig, ConfiguredUplink } from '../config/client-config.ts';
import { describePolicy, describeRule } from '../steering/steering-rule.ts';
import type { ClientCliDeps } from './client-cli-deps.ts';
import type { NetworkInterfaces } from './uplink-discovery.ts';

/** Says what the client would do with this configuration, and which of its uplinks are there now. */
export async function check(config: ClientConfig, deps: ClientCliDeps): Promise<void> {
  const { concentrator, client, socks, metrics } = config;
  const interfaces = deps.networkInterfaces();
  const binding = deps.interfaceBinding();
  const users = socks.users.length === 0 ? 'without users' : `for ${socks.users.length} user(s)`;
  const lines = [
    `${config.file} is valid`,
    `client        ${client.id}`,
    `concentrator  ${concentrator.addresses.map(formatDestination).join(', ')}`,
    `pin           ${concentrator.pin.text}`,
    `socks         ${formatDestination(socks.listen)}, ${users}`,
    `metrics       ${metrics ? formatDestination(metrics.listen) : 'off'}`,
    ...config.uplinks.map(
      (uplink) =>
        `uplink        ${uplink.name}: ${uplinkState(uplink, interfaces)}${uplink.backup ? ', backup' : ''}`,
    ),
    `steering      ${describePolicy(config.steering.default)}`,
    ...config.steering.rules.map((rule) => `rule          ${describeRule(rule)}`),
    `binding       ${binding.available ? 'by interface is available' : `by interface is not available: ${binding.reason}`}`,
  ];
  deps.stdout(`${lines.join('\n')}\n`);

  const warn = (line: string) => deps.stderr(`warning: ${line}\n`);
  if (config.keyFile !== undefined && (await readableByOthers(config.keyFile))) {
    warn(`others can read ${config.keyFile}, which holds the key: chmod 600 ${config.keyFile}`);
  }
  if (await readableByOthers(config.file)) {
    warn(`others can read ${config.file}, which may hold a key and passwords: chmod 600 ${config.file}`);
  }
  if (!binding.available && config.uplinks.some((uplink) => uplink.binding.kind === 'interface')) {
    warn('uplinks with "interface" will not come up here: give them an "address" instead');
  }
  const missing = config.uplinks.filter((uplink) => isMissing(uplink, interfaces)).map(({ name }) => name);
  if (missing.length > 0) warn(`not there now: ${missing.join(', ')}; they are used as soon as they appear`);
}

function uplinkState(uplink: ConfiguredUplink, interfaces: NetworkInterfaces): string {
  const { binding } = uplink;
  const missing = isMissing(uplink, interfaces);
  switch (binding.kind) {
    case 'interface': {
      const addresses = interfaces[binding.interface]?.map(({ address }) => address) ?? [];
      return `interface ${binding.interface}, ${missing ? 'missing' : `up with ${addresses.join(', ')}`}`;
    }
    case 'address':
      return `address ${binding.address}, ${missing ? 'missing' : `on ${holderOf(binding.address, interfaces)}`}`;
    case 'proxy':
      return `proxy ${formatDestination(binding)}${binding.user === undefined ? '' : ', with user and password'}`;
  }
}

function isMissing({ binding }: ConfiguredUplink, interfaces: NetworkInterfaces): boolean {
  if (binding.kind === 'interface') return interfaces[binding.interface] === undefined;
  return binding.kind === 'address' && holderOf(binding.address, interfaces) === undefined;
}

function holderOf(address: string, interfaces: NetworkInterfaces): string | undefined {
  return Object.keys(interfaces).find((name) =>
    interfaces[name]?.some((info) => isSame(info.address, address)),
  );
}

/** IPv6 addresses have many texts. */
function isSame(a: string, b: string): boolean {
  return ipaddr.parse(a).toString() === ipaddr.parse(b).toString();
}
