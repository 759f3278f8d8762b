/*
 * A network for tests, on one Linux machine with root and without netem:
 *
 *   namespace tbed-<pid>-client                      namespace tbed-<pid>-concentrator      namespace tbed-<pid>-origin
 *  ┌──────────────────────────┐      emulator       ┌────────────────────────────┐        ┌───────────────────────┐
 *  │ wifi 10.77.1.2           │◄─ rate, delay, ────►│ wifi 10.77.1.1             │  veth  │                       │
 *  │      fd77:0:0:1::2       │   queue, loss       │      fd77:0:0:1::1         │  fast  │                       │
 *  │                          │                     │                            │◄──────►│ uplink0 10.77.254.2   │
 *  │ lte  10.77.2.2           │◄─ rate, delay, ────►│ lte  10.77.2.1             │        │         fd77:0:0:fe::2│
 *  │      fd77:0:0:2::2       │   queue, loss       │      fd77:0:0:2::1         │        │                       │
 *  │                          │                     │ lo   10.77.0.1 (public)    │        │                       │
 *  │ default route per device │                     │      fd77::1   (public)    │        │                       │
 *  │ and rule per address     │                     │ forwards                   │        │                       │
 *  └──────────────────────────┘                     └────────────────────────────┘        └───────────────────────┘
 *
 * The client reaches the public addresses, and through the concentrator as a router the origin, over whichever uplink its
 * socket is bound to by device or by source address; answers come back over the uplink that has the client's
 * address. Nothing exists outside the namespaces. The emulator (native/emulator.c) owns them all and removes everything when
 * this process closes the bed or dies.
 */
import { Emulator } from './emulator.ts';
import { Namespace, run, whyNoBed } from './namespace.ts';
import { subnet, Uplink, type UplinkSpec } from './uplink.ts';

/** What {@link createBed} makes. */
export interface BedOptions {
  /** At most 16; names are those of the interfaces. */
  uplinks: readonly UplinkSpec[];
  /** Default of all three hosts; the machine's own unless told. */
  congestionControl?: 'cubic' | 'bbr' | 'reno';
  /** For loss, jitter and random pauses; 1 unless told. */
  seed?: number;
}

/** Number of the subnet between concentrator and origin. */
const ORIGIN_SUBNET = 254;
const MAX_UPLINKS = 16;
/** What `ip -batch` and a kernel interface name allow; the rest is taken. */
const UPLINK_NAME = /^(?!(?:lo|origin0|uplink0|all|default)$)[a-z][a-z0-9_-]{0,14}$/;

/** A running bed. */
export class Bed {
  readonly client: Namespace;
  /** Its `address` is the public one, reachable over every uplink. */
  readonly concentrator: Namespace;
  readonly origin: Namespace;
  readonly uplinks: readonly Uplink[];
  readonly #emulator: Emulator;

  /** @internal Use {@link createBed}. */
  constructor(options: BedOptions, emulator: Emulator) {
    const name = (role: string) => `tbed-${emulator.pid}-${role}`;
    this.#emulator = emulator;
    this.client = new Namespace(name('client'), subnet(1, 2));
    this.concentrator = new Namespace(name('concentrator'), { v4: '10.77.0.1', v6: 'fd77::1' });
    this.origin = new Namespace(name('origin'), subnet(ORIGIN_SUBNET, 2));
    this.uplinks = options.uplinks.map((spec, index) => new Uplink(spec, index + 1, emulator, this));
  }

  /** The uplink of this name; throws when there is none. */
  uplink(name: string): Uplink {
    const found = this.uplinks.find((uplink) => uplink.name === name);
    if (!found)
      throw new Error(`no uplink ${name}; there are ${this.uplinks.map((one) => one.name).join(', ')}`);
    return found;
  }

  /** Lets the kernel's MPTCP use all uplinks (IPv4), for programs that open MPTCP sockets, as under `mptcpize run`. */
  async enableKernelMptcp(): Promise<void> {
    const limits = 'mptcp limits set subflows 8 add_addr_accepted 8';
    for (const host of [this.client, this.concentrator]) {
      await host.sysctl({ 'net.mptcp.enabled': 1 });
      await host.ip(4, [limits]);
    }
    const endpoints = this.uplinks.map(
      ({ client, name }) => `mptcp endpoint add ${client.v4} dev ${name} subflow`,
    );
    await this.client.ip(4, ['mptcp endpoint flush', ...endpoints]);
  }

  /** Kills every process in the bed and removes namespaces and devices. Does nothing the second time. */
  async close(): Promise<void> {
    await Promise.all([this.client, this.concentrator, this.origin].map((namespace) => namespace.killAll()));
    await this.#emulator.close();
  }
}

/** Builds the network drawn above. Throws when the machine cannot (see {@link whyNoBed}) or the options make no sense. */
export async function createBed(options: BedOptions): Promise<Bed> {
  const reason = whyNoBed();
  if (reason) throw new Error(`no test bed: ${reason}`);
  checkUplinks(options.uplinks);
  const emulator = await Emulator.start(options.seed ?? 1);
  const bed = new Bed(options, emulator);
  try {
    await build(bed, options);
  } catch (error) {
    await bed.close();
    throw error;
  }
  return bed;
}

async function build(bed: Bed, options: BedOptions): Promise<void> {
  const { client, concentrator, origin } = bed;
  const hosts = [client, concentrator, origin];
  for (const host of hosts) {
    await run('ip', ['netns', 'add', host.name]);
    await host.sysctl({
      // No traffic of the kernel's own, and addresses usable at once.
      'net.ipv6.conf.all.disable_ipv6': 0,
      'net.ipv6.conf.default.disable_ipv6': 0,
      'net.ipv6.conf.default.accept_dad': 0,
      'net.ipv6.conf.default.accept_ra': 0,
      'net.ipv6.conf.default.router_solicitations': 0,
      'net.ipv6.conf.default.addr_gen_mode': 1,
      // Packets may leave by another interface than the one the answer comes in by.
      'net.ipv4.conf.all.rp_filter': 0,
      'net.ipv4.conf.default.rp_filter': 0,
    });
    await host.ip(4, ['link set lo up']);
  }
  await concentrator.sysctl({ 'net.ipv4.ip_forward': 1, 'net.ipv6.conf.all.forwarding': 1 });
  const near = subnet(ORIGIN_SUBNET, 1);
  await concentrator.ip(4, [
    `link add origin0 type veth peer name uplink0 netns ${origin.name}`,
    'link set dev origin0 up',
    `address add ${near.v4}/24 dev origin0`,
    `address add ${concentrator.address.v4}/32 dev lo`,
  ]);
  await concentrator.ip(6, [
    `address add ${near.v6}/64 dev origin0 nodad`,
    // A router asks for neighbours with its link-local address.
    'address add fe80::1/64 dev origin0 nodad',
    `address add ${concentrator.address.v6}/128 dev lo nodad`,
  ]);
  await origin.ip(4, [
    'link set dev uplink0 up',
    `address add ${origin.address.v4}/24 dev uplink0`,
    `route add default via ${near.v4}`,
  ]);
  await origin.ip(6, [
    `address add ${origin.address.v6}/64 dev uplink0 nodad`,
    `route add default via ${near.v6}`,
  ]);
  for (const uplink of bed.uplinks) await uplink.create();
  if (options.congestionControl)
    for (const host of hosts) await host.useCongestionControl(options.congestionControl);
}

function checkUplinks(uplinks: readonly UplinkSpec[]): void {
  if (uplinks.length > MAX_UPLINKS) throw new Error(`a bed has at most ${MAX_UPLINKS} uplinks`);
  const seen = new Set<string>();
  for (const { name } of uplinks) {
    if (!UPLINK_NAME.test(name)) throw new Error(`"${name}" cannot be the name of an uplink's interface`);
    if (seen.has(name)) throw new Error(`two uplinks are called ${name}`);
    seen.add(name);
  }
}
