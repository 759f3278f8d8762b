import { readdir } from 'node:fs/promises';
import { isIP } from 'node:net';
import * as z from 'zod';
import { parseHostPort } from '../../shared/runtime/address/host-port.ts';
import { isLoopback } from '../../shared/runtime/address/special-ranges.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import { addressOf } from '../../shared/runtime/dns/name-servers.ts';
import { systemNameServers } from '../../shared/runtime/dns/system-servers.ts';
import { readTextFile } from '../../shared/runtime/files/read-file.ts';
import { keepRecent } from '../../shared/runtime/keep-recent.ts';
import { runCommand } from '../network/run-command.ts';

/** Where the name servers of a link are read; others stand in for it in tests. */
export interface LinkServerSource {
  /** What a command prints; undefined where there is none, or where it fails. */
  run(command: string, args: readonly string[]): Promise<string | undefined>;
  /** A text file; undefined where it cannot be read. */
  read(file: string): Promise<string | undefined>;
  /** The names in a directory; none where it cannot be read. */
  list(directory: string): Promise<readonly string[]>;
  /** As Node.js reads them. */
  systemServers(): readonly string[];
}

/** Changes of the network make the uplinks other objects; those that come and go every second need not be read each time. */
const AGE_MS = 5_000;
const MAX_DEVICES = 64;
/** A link with more is not known. */
const MAX_SERVERS = 8;
/** Both answer within 50 ms, or the bus that they ask does not work. */
const COMMAND_TIMEOUT_MS = 1_000;
const MAX_OUTPUT_BYTES = 64 * 1024;

/** What one device knows of its name servers. */
interface Known {
  readonly servers: Promise<readonly string[]>;
  readonly sinceMs: number;
}

/**
 * The name servers that a link has been given by its network (DHCP, router advertisements, a modem), as those who configure links
 * write them down: systemd-networkd, systemd-resolved, NetworkManager, resolvconf, netifd (OpenWrt). Those on loopback are left out: what listens
 * there asks over whatever link it likes.
 */
export class LinkServers {
  readonly #clock: MonotonicClock;
  readonly #source: LinkServerSource;
  readonly #known = new Map<string, Known>();

  constructor(clock: MonotonicClock, source: LinkServerSource = machine(clock)) {
    this.#clock = clock;
    this.#source = source;
  }

  /** Those of a network interface; none where nobody has written them down. */
  of(device: string): Promise<readonly string[]> {
    const known = this.#known.get(device);
    const nowMs = this.#clock();
    if (known !== undefined && nowMs - known.sinceMs < AGE_MS) return known.servers;
    const servers = this.#find(device);
    keepRecent(this.#known, device, { servers, sinceMs: nowMs }, MAX_DEVICES);
    return servers;
  }

  /** Those of the system as a whole, behind its stub on loopback too. */
  async ofSystem(): Promise<readonly string[]> {
    const direct = usable(this.#source.systemServers());
    if (direct.length > 0) return direct;
    for (const file of UPSTREAM_FILES) {
      const behindStub = usable(namesServers(await this.#source.read(file)));
      if (behindStub.length > 0) return behindStub;
    }
    return [];
  }

  async #find(device: string): Promise<readonly string[]> {
    for (const read of [ofNetworkd, ofResolved, ofNetworkManager, ofResolvconf, ofNetifd]) {
      const servers = usable(await read(device, this.#source));
      if (servers.length > 0) return servers;
    }
    return [];
  }
}

/** What stubs on loopback ask: systemd-resolved, NetworkManager with dnsmasq, OpenWrt's dnsmasq (since 19.07, and before). */
const UPSTREAM_FILES = [
  '/run/systemd/resolve/resolv.conf',
  '/run/NetworkManager/no-stub-ready.conf',
  '/tmp/resolv.conf.d/resolv.conf.auto',
  '/tmp/resolv.conf.auto',
];

async function ofNetworkd(device: string, { read }: LinkServerSource): Promise<readonly string[]> {
  const index = (await read(`/sys/class/net/${device}/ifindex`))?.trim();
  if (!index) return [];
  const texts = await Promise.all(NETWORKD_FILES.map((directory) => read(`${directory}/${index}`)));
  return texts.flatMap((text) =>
    [...(text ?? '').matchAll(/^DNS=(.*)$/gm)].flatMap(([, list]) => words(list)),
  );
}

const NETWORKD_FILES = ['/run/systemd/netif/links', '/run/systemd/netif/leases'];

/** `Link 3 (wan1): 10.0.0.1 2001:db8::1` */
async function ofResolved(device: string, { run }: LinkServerSource): Promise<readonly string[]> {
  return words((await run('resolvectl', ['dns', device]))?.replace(/^Link \d+ \(.*\):/, ''));
}

/** Lines of `10.0.0.1 | 10.0.0.2`, one for each family. */
async function ofNetworkManager(device: string, { run }: LinkServerSource): Promise<readonly string[]> {
  return words(
    await run('nmcli', ['--escape', 'no', '--get-values', 'IP4.DNS,IP6.DNS', 'device', 'show', device]),
  );
}

/** A file for each link and each program that has configured it: `wan1.dhclient`, `wan1:dhcp`. Links may have a dot in their names. */
async function ofResolvconf(device: string, { list, read }: LinkServerSource): Promise<readonly string[]> {
  const isFileOf = (name: string, link: string) =>
    name === link || name.startsWith(`${link}.`) || name.startsWith(`${link}:`);
  const others = (await list('/sys/class/net')).filter((link) => link !== device && isFileOf(link, device));
  for (const directory of RESOLVCONF_DIRECTORIES) {
    const names = (await list(directory)).filter(
      (name) => isFileOf(name, device) && !others.some((other) => isFileOf(name, other)),
    );
    const texts = await Promise.all(names.slice(0, MAX_SERVERS).map((name) => read(`${directory}/${name}`)));
    const servers = texts.flatMap(namesServers);
    if (servers.length > 0) return servers;
  }
  return [];
}

/** Of Debian's, of openresolv, and of openresolv since 3.16. */
const RESOLVCONF_DIRECTORIES = [
  '/run/resolvconf/interface',
  '/run/resolvconf/interfaces',
  '/run/resolvconf/keys',
];

/** Its interfaces have names of their own (`wan`, `wan6`), several of which may stand on one device. */
async function ofNetifd(device: string, { run }: LinkServerSource): Promise<readonly string[]> {
  const text = await run('ubus', ['call', 'network.interface', 'dump']);
  const interfaces = text === undefined ? [] : (netifdDump(text)?.interface ?? []);
  return interfaces.flatMap((one) => (one.l3_device === device ? (one['dns-server'] ?? []) : []));
}

const NETIFD_DUMP = z.object({
  interface: z.array(
    z.object({ l3_device: z.string().optional(), 'dns-server': z.array(z.string()).optional() }),
  ),
});

function netifdDump(text: string): z.infer<typeof NETIFD_DUMP> | undefined {
  try {
    return NETIFD_DUMP.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** Of the text of a resolv.conf(5). */
function namesServers(text: string | undefined): readonly string[] {
  return [...(text ?? '').matchAll(/^\s*nameserver\s+(\S+)/gm)].map(([, server]) => server!);
}

function words(text: string | undefined): readonly string[] {
  return (text ?? '').split(/[\s|,]+/);
}

/** Those that can be asked over a link, each once; without the name that DNS over TLS would want to see. */
function usable(servers: readonly string[]): readonly string[] {
  const plain = servers.map((server) => server.replace(/#.*$/, '')).filter(isServer);
  return [...new Set(plain)].filter((server) => !isLoopback(addressOf(server).host)).slice(0, MAX_SERVERS);
}

function isServer(text: string): boolean {
  return isIP(text) !== 0 || isIP(parseHostPort(text)?.host ?? '') !== 0;
}

function machine(clock: MonotonicClock): LinkServerSource {
  const limits = { timeoutMs: COMMAND_TIMEOUT_MS, maxOutputBytes: MAX_OUTPUT_BYTES };
  return {
    run: (command, args) =>
      runCommand(command, args, limits).then(
        (result) => result?.stdout,
        () => undefined,
      ),
    async read(file) {
      const read = await readTextFile(file, MAX_OUTPUT_BYTES);
      return 'text' in read ? read.text : undefined;
    },
    list: (directory) => readdir(directory).catch(() => []),
    systemServers: systemNameServers(clock),
  };
}
