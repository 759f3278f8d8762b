/*
 * A network for the system tests, made of nothing but the kernel's own parts:
 *
 *   namespace tsys-<pid>-<n>-client                   tsys-<pid>-<n>-concentrator            tsys-<pid>-<n>-origin
 *  ┌──────────────────────────┐         veth         ┌─────────────────────────────┐        ┌───────────────────────┐
 *  │ wan0 10.78.1.2           │◄─ TBF at both ends ─►│ wan0    10.78.1.1           │  veth  │                       │
 *  │      fd78:0:0:1::2       │                      │         fd78:0:0:1::1       │  fast  │                       │
 *  │                          │                      │                             │◄──────►│ wan 10.78.254.2       │
 *  │ wan1 10.78.2.2           │◄─ TBF at both ends ─►│ wan1    10.78.2.1           │        │     fd78:0:0:fe::2    │
 *  │      fd78:0:0:2::2       │                      │         fd78:0:0:2::1       │        │                       │
 *  │                          │                      │ origin0 10.78.254.1         │        │                       │
 *  │ default route per device │                      │         fd78:0:0:fe::1      │        │                       │
 *  │ and rule per address     │                      │ lo      10.78.0.1, fd78::1  │        │                       │
 *  └──────────────────────────┘                      └─────────────────────────────┘        └───────────────────────┘
 *
 * The concentrator's address (that of its loopback device) is reachable over every path; a socket of the client takes the path
 * of the device or of the source address that it is bound to. Nothing is forwarded: the client reaches the origin through the
 * programs under test or not at all.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressPair, Namespace, run } from '../../bed/namespace.ts';

/** One path between client and concentrator, before it is made. */
export interface PathSpec {
  /** Name of the device at both ends. */
  readonly name: string;
  /** Megabits per second, as TBF counts them: Ethernet frames, headers included. */
  readonly downMbps: number;
  readonly upMbps: number;
}

export interface NetworkOptions {
  readonly paths: readonly PathSpec[];
  /** Default of all TCP in the three namespaces. */
  readonly congestionControl: CongestionControl;
}

export type CongestionControl = 'cubic' | 'bbr';

const PREFIX = 'tsys';
/** `tsys-<pid>-<n>-<role>`: the owner's process id tells whether anybody still needs it. */
const NAME = new RegExp(`^${PREFIX}-(\\d+)-\\d+-\\w+$`);
const ORIGIN_SUBNET = 254;
/** One whole packet and some more; a larger bucket lets through more than the rate for a moment. */
const TBF_BURST = '16kb';
/** What may wait in front of the bucket. */
const TBF_LATENCY = '50ms';
/** Networks that this process has made: several may exist at once. */
let networks = 0;

/** The network drawn above. */
export class Network {
  readonly client: Namespace;
  /** Its `address` is the one on the loopback device. */
  readonly concentrator: Namespace;
  readonly origin: Namespace;
  readonly #paths: Path[];
  readonly congestionControl: CongestionControl;
  readonly #undertaker: ChildProcess;

  private constructor(options: NetworkOptions) {
    const name = (role: string) => `${PREFIX}-${process.pid}-${networks}-${role}`;
    networks++;
    this.congestionControl = options.congestionControl;
    this.client = new Namespace(name('client'), subnet(1, 2));
    this.concentrator = new Namespace(name('concentrator'), { v4: '10.78.0.1', v6: 'fd78::1' });
    this.origin = new Namespace(name('origin'), subnet(ORIGIN_SUBNET, 2));
    this.#paths = options.paths.map((spec, i) => new Path(spec, i + 1, this));
    this.#undertaker = undertaker(this.#namespaces.map((namespace) => namespace.name));
  }

  /** Builds it. Removes what dead owners have left. Throws when the machine cannot (see `needs('network')`). */
  static async create(options: NetworkOptions): Promise<Network> {
    await removeStale();
    const network = new Network(options);
    try {
      await network.#build();
    } catch (error) {
      await network.close();
      throw error;
    }
    return network;
  }

  get paths(): readonly Path[] {
    return this.#paths;
  }

  path(name: string): Path {
    return this.#paths.find((path) => path.name === name)!;
  }

  /** One more path, as when a modem is plugged in. */
  async addPath(spec: PathSpec): Promise<Path> {
    const path = new Path(spec, this.#paths.length + 1, this);
    this.#paths.push(path);
    await path.create();
    return path;
  }

  /** Kills every process in the network and removes namespaces and devices. */
  async close(): Promise<void> {
    if (this.#undertaker.exitCode !== null) return;
    const gone = once(this.#undertaker, 'exit');
    this.#undertaker.stdin?.end();
    await gone;
  }

  get #namespaces(): readonly Namespace[] {
    return [this.client, this.concentrator, this.origin];
  }

  async #build(): Promise<void> {
    for (const namespace of this.#namespaces) {
      await run('ip', ['netns', 'add', namespace.name]);
      await namespace.sysctl({
        // No traffic of the kernel's own, and addresses usable at once.
        'net.ipv6.conf.all.disable_ipv6': 0,
        'net.ipv6.conf.default.disable_ipv6': 0,
        'net.ipv6.conf.default.accept_dad': 0,
        'net.ipv6.conf.default.accept_ra': 0,
        'net.ipv6.conf.default.router_solicitations': 0,
        // Packets may arrive over another path than the one that the routes prefer.
        'net.ipv4.conf.all.rp_filter': 0,
        'net.ipv4.conf.default.rp_filter': 0,
      });
      await namespace.ip(4, ['link set lo up']);
    }
    const { concentrator, origin } = this;
    const near = subnet(ORIGIN_SUBNET, 1);
    await concentrator.ip(4, [
      `link add origin0 type veth peer name wan netns ${origin.name}`,
      'link set dev origin0 up',
      `address add ${near.v4}/24 dev origin0`,
      `address add ${concentrator.address.v4}/32 dev lo`,
    ]);
    await concentrator.ip(6, [
      `address add ${near.v6}/64 dev origin0 nodad`,
      `address add ${concentrator.address.v6}/128 dev lo nodad`,
    ]);
    await origin.ip(4, ['link set dev wan up', `address add ${origin.address.v4}/24 dev wan`]);
    await origin.ip(6, [`address add ${origin.address.v6}/64 dev wan nodad`]);
    for (const path of this.paths) await path.create();
    for (const namespace of this.#namespaces) await namespace.useCongestionControl(this.congestionControl);
  }
}

/** One path of a network: a veth pair with a token bucket filter at both ends. */
export class Path {
  readonly name: string;
  readonly #spec: PathSpec;
  readonly #number: number;
  readonly #network: Network;
  #host = FIRST_HOST;

  constructor(spec: PathSpec, number: number, network: Network) {
    this.name = spec.name;
    this.#spec = spec;
    this.#number = number;
    this.#network = network;
  }

  /** The client's addresses here; `linkUp` may have changed them. */
  get address(): AddressPair {
    return subnet(this.#number, this.#host);
  }

  /** What the path carries at most as payload of TCP over IPv4, in Mbit/s. */
  payloadMbps(direction: 'down' | 'up'): number {
    const { downMbps, upMbps } = this.#spec;
    return (direction === 'down' ? downMbps : upMbps) * PAYLOAD_SHARE;
  }

  /** Both ends are gone, as when a modem is unplugged; `create` makes them anew. */
  async remove(): Promise<void> {
    await this.#network.client.ip(4, [`link del ${this.name}`]);
  }

  /** @internal called by the network. */
  async create(): Promise<void> {
    const { name } = this;
    const { client, concentrator } = this.#network;
    const far = subnet(this.#number, 1);
    await client.ip(4, [`link add ${name} type veth peer name ${name} netns ${concentrator.name}`]);
    await concentrator.ip(4, [`link set dev ${name} up`, `address add ${far.v4}/24 dev ${name}`]);
    await concentrator.ip(6, [`address add ${far.v6}/64 dev ${name} nodad`]);
    await shape(client, name, this.#spec.upMbps);
    await shape(concentrator, name, this.#spec.downMbps);
    await this.linkUp();
  }

  /** As when the cable is pulled: both ends lose the carrier, the client its routes. */
  async linkDown(): Promise<void> {
    await this.#network.client.ip(4, [`link set dev ${this.name} down`]);
  }

  /** The client's device comes up with its addresses and routes; `host` is the last part of the address. */
  async linkUp(host: number = this.#host): Promise<void> {
    const { client } = this.#network;
    this.#host = host;
    const table = 100 + this.#number;
    const families = [
      { family: 4, near: `${this.address.v4}/24`, source: this.address.v4, far: subnet(this.#number, 1).v4 },
      { family: 6, near: `${this.address.v6}/64`, source: this.address.v6, far: subnet(this.#number, 1).v6 },
    ] as const;
    for (const { family, near, source, far } of families) {
      await client.ip(family, [`rule del lookup ${table}`], true);
      await client.ip(family, [
        `address flush dev ${this.name} scope global`,
        `link set dev ${this.name} up`,
        `address add ${near} dev ${this.name} ${family === 6 ? 'nodad' : ''}`,
        `route replace default via ${far} dev ${this.name} metric ${table}`,
        `route replace default via ${far} dev ${this.name} table ${table}`,
        `rule add from ${source} lookup ${table}`,
      ]);
    }
    await client.routesChanged();
  }

  /** Drops every packet at both ends without a word to anybody. */
  async blackHole(): Promise<void> {
    const rules = `table inet ${this.name} { chain hole { type filter hook prerouting priority raw; iifname "${this.name}" drop; }; }`;
    const { client, concentrator } = this.#network;
    await Promise.all(
      [client, concentrator].map((end) => end.exec('nft', ['-f', '-'], { input: `${rules}\n` })),
    );
  }

  /** Ends the black hole, or the loss of long packets. */
  async restore(): Promise<void> {
    const { client, concentrator } = this.#network;
    await Promise.all(
      [client, concentrator].map((end) => end.exec('nft', ['delete', 'table', 'inet', this.name])),
    );
  }

  /** Drops packets that are longer than so many bytes, without a word to anybody; after `cutPackets`. `restore` ends it. */
  async swallowLong(packetBytes: number, which: LongPackets = {}): Promise<void> {
    const { directions = ['down', 'up'], family } = which;
    const { client, concentrator } = this.#network;
    const only = family === undefined ? '' : `meta nfproto ipv${family}`;
    const rules = (drops: boolean) =>
      `table inet ${this.name} { chain hole { type filter hook prerouting priority raw; ` +
      `${drops ? `iifname "${this.name}" ${only} meta length > ${packetBytes} drop;` : ''} }; }\n`;
    await client.exec('nft', ['-f', '-'], { input: rules(directions.includes('down')) });
    await concentrator.exec('nft', ['-f', '-'], { input: rules(directions.includes('up')) });
  }

  /** Each packet as it would be on a cable: veth else counts many that leave together as one, with one header. */
  async cutPackets(): Promise<void> {
    const { client, concentrator } = this.#network;
    for (const end of [client, concentrator]) await end.ip(4, [`link set dev ${this.name} gso_max_segs 1`]);
  }

  /**
   * Bytes that the client's device has counted, Ethernet headers included, and as IP packets without them. What the queue in front of it
   * has dropped counts as sent: on a real link that queue is the modem's, behind the wire. Those are full packets.
   */
  async counters(): Promise<DeviceCounters> {
    const { client } = this.#network;
    const [device] = JSON.parse(
      await run('ip', ['-n', client.name, '-s', '-j', 'link', 'show', 'dev', this.name]),
    );
    const { tx, rx } = device.stats64;
    const queues: { drops: number }[] = JSON.parse(
      await run('tc', ['-n', client.name, '-s', '-j', 'qdisc', 'show', 'dev', this.name]),
    );
    const dropped = queues.reduce((sum, { drops }) => sum + drops, 0);
    return {
      sentBytes: tx.bytes,
      receivedBytes: rx.bytes,
      sentIpBytes: tx.bytes - ETHERNET_HEADER_BYTES * tx.packets + FULL_PACKET_BYTES * dropped,
      receivedIpBytes: rx.bytes - ETHERNET_HEADER_BYTES * rx.packets,
    };
  }
}

/** Which long packets vanish; all of them where nothing is said. */
export interface LongPackets {
  readonly directions?: readonly ('down' | 'up')[];
  readonly family?: 4 | 6;
}

export interface DeviceCounters {
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly sentIpBytes: number;
  readonly receivedIpBytes: number;
}

const FULL_PACKET_BYTES = 1_500;
const ETHERNET_HEADER_BYTES = 14;
const FIRST_HOST = 2;
/** Of an Ethernet frame of 1514 bytes, what TCP over IPv4 with timestamps carries: 1500 - 20 - 32. */
const PAYLOAD_SHARE = 1448 / 1514;

function subnet(number: number, host: number): AddressPair {
  return { v4: `10.78.${number}.${host}`, v6: `fd78:0:0:${number.toString(16)}::${host.toString(16)}` };
}

async function shape(namespace: Namespace, device: string, mbps: number): Promise<void> {
  const bucket = ['tbf', 'rate', `${mbps}mbit`, 'burst', TBF_BURST, 'latency', TBF_LATENCY];
  await run('tc', ['-n', namespace.name, 'qdisc', 'add', 'dev', device, 'root', ...bucket]);
}

/**
 * A process that removes these namespaces, and what runs in them, when its stdin ends: because the network is closed, or
 * because this process is gone, however it went.
 */
export function undertaker(names: readonly string[]): ChildProcess {
  const script = `
    trap '' HUP INT TERM
    cat > /dev/null
    for name do
      ip netns pids "$name" 2> /dev/null | xargs -r kill -KILL 2> /dev/null
      ip netns delete "$name" 2> /dev/null
    done
    true`;
  return spawn('sh', ['-c', script, 'sh', ...names], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
}

/** Namespaces of owners that died together with their undertaker. */
async function removeStale(): Promise<void> {
  const names = (await run('ip', ['netns', 'list'])).split('\n').map((line) => line.split(' ')[0] ?? '');
  const stale = names.filter((name) => {
    const owner = NAME.exec(name)?.[1];
    return owner !== undefined && !isAlive(Number(owner));
  });
  if (stale.length === 0) return;
  const process = undertaker(stale);
  process.stdin?.end();
  await once(process, 'exit');
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
