import { isIPv4 } from 'node:net';
import { type Destination, formatDestination } from '../../shared/protocol/destination.ts';
import { networkForms } from '../../shared/runtime/address/address-ranges.ts';
import type { SteeringConfig, SteeringRule } from '../steering/steering-rule.ts';

/** Of a rule, what a file of proxy settings can express; what is absent matches everything. */
interface PacRule {
  /** Names, and `*.` in front of those whose subdomains are meant. */
  readonly names?: Readonly<Record<string, 1>>;
  /** IPv4 networks: address and mask. */
  readonly nets?: readonly (readonly [string, string])[];
  readonly ports?: readonly (readonly [number, number])[];
  readonly direct: boolean;
}

/**
 * A file of proxy settings (PAC) by which browsers go past the proxy where a rule leads directly, and to it for all else.
 *
 * Users and times of day cannot be expressed, and no IPv6 networks: what may meet such a rule goes to the proxy, which has the last
 * word. Neither users nor uplinks are named; the hosts of rules are, as far as one that leads directly comes behind them.
 */
export function pacFile(config: SteeringConfig, proxy: Destination): string {
  const rules = config.rules.filter(({ protocol }) => protocol !== 'udp');
  const lastDirect = rules.findLastIndex(({ action }) => action.kind === 'direct');
  const table = rules.slice(0, lastDirect + 1).flatMap(toPacRule);
  return [
    `var proxy = ${JSON.stringify(`PROXY ${formatDestination(proxy)}`)};`,
    `var rules = ${JSON.stringify(table)};`,
    PROGRAM,
  ].join('\n');
}

function toPacRule({ hosts, networks, ports, users, between, action }: SteeringRule): PacRule[] {
  const isForAll = (hosts === undefined && networks === undefined) || hosts?.includes('*') === true;
  const nets = (networks ?? []).flatMap(networkForms).flatMap(([address, bits]) => {
    const text = address.toString();
    return isIPv4(text) ? [[text, maskOf(bits)] as const] : [];
  });
  if (!isForAll && hosts === undefined && nets.length === 0) return [];
  return [
    {
      ...(isForAll
        ? {}
        : { names: Object.fromEntries((hosts ?? []).map((name) => [name, 1 as const])), nets }),
      ...(ports === undefined ? {} : { ports: ports.map(({ from, to }) => [from, to] as const) }),
      direct: action.kind === 'direct' && users === undefined && between === undefined,
    },
  ];
}

/** Dotted decimal. */
function maskOf(bits: number): string {
  const mask = bits === 0 ? 0 : (0xffff_ffff << (32 - bits)) >>> 0;
  return [mask >>> 24, (mask >>> 16) & 0xff, (mask >>> 8) & 0xff, mask & 0xff].join('.');
}

/** As old as the engines that run it: ECMAScript 3. It asks for no name, since the proxy's rules do not either. */
const PROGRAM = `
function FindProxyForURL(url, host) {
  host = host.toLowerCase().replace(/\\.$/, '');
  // IPv6: the proxy decides.
  if (host.indexOf(':') >= 0) return proxy;
  var port = portOf(url);
  for (var i = 0; i < rules.length; i++) {
    if (matches(rules[i], host, port)) return rules[i].direct ? 'DIRECT' : proxy;
  }
  return proxy;
}

function portOf(url) {
  var parts = /^([a-z]+):\\/\\/(?:[^\\/?#@]*@)?(?:\\[[^\\]]*\\]|[^\\/:?#]*)(?::(\\d+))?/i.exec(url);
  if (!parts) return 0;
  if (parts[2]) return Number(parts[2]);
  return { http: 80, ws: 80, https: 443, wss: 443, ftp: 21 }[parts[1].toLowerCase()] || 0;
}

function matches(rule, host, port) {
  return (!rule.ports || isPortIn(rule.ports, port)) && (!rule.names || isNamed(rule.names, host) || isIn(rule.nets, host));
}

function isPortIn(ports, port) {
  for (var i = 0; i < ports.length; i++) if (port >= ports[i][0] && port <= ports[i][1]) return true;
  return false;
}

function isNamed(names, host) {
  if (isAddress(host)) return false;
  if (names.hasOwnProperty(host)) return true;
  for (var dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1)) {
    if (names.hasOwnProperty('*' + host.substring(dot))) return true;
  }
  return false;
}

function isIn(nets, host) {
  if (!isAddress(host)) return false;
  for (var i = 0; i < nets.length; i++) if (isInNet(host, nets[i][0], nets[i][1])) return true;
  return false;
}

function isAddress(host) {
  return /^\\d+\\.\\d+\\.\\d+\\.\\d+$/.test(host);
}
`;
