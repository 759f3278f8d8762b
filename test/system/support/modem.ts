/*
 * A mobile modem as they all are: a router of its own, with 192.168.8.1 towards the client, to which it gives 192.168.8.100,
 * and with address translation towards the network.
 *
 *   client                         modem                              concentrator
 *    <name> 192.168.8.100 ◄────► lan 192.168.8.1   wan 10.78.N.2 ◄────► <name> 10.78.N.1
 */
import { once } from 'node:events';
import { join } from 'node:path';
import { Namespace, run } from '../../bed/namespace.ts';
import type { Network } from './namespaces.ts';
import { ROOT } from './program.ts';

/** Of a path between client and concentrator, megabits per second. */
const RATE = ['tbf', 'rate', '40mbit', 'burst', '16kb', 'latency', '50ms'];

export class Modem {
  readonly name: string;
  readonly #network: Network;
  readonly #router: Namespace;

  private constructor(name: string, network: Network, router: Namespace) {
    this.name = name;
    this.#network = network;
    this.#router = router;
  }

  /**
   * @param number names its network; not that of a path
   * @param ownTable its default route is in a table of its own, which a rule names for what is bound to it
   */
  static async plugIn(network: Network, name: string, number: number, ownTable = false): Promise<Modem> {
    const { client, concentrator } = network;
    const address = { v4: `10.78.${number}.2`, v6: '' };
    // Named as the network's own, so that the next network removes it if nobody else does.
    const router = new Namespace(client.name.replace(/client$/, name), address);
    await run('ip', ['netns', 'add', router.name]);
    const modem = new Modem(name, network, router);
    await router.ip(4, [`link add lan type veth peer name ${name} netns ${client.name}`]);
    await router.ip(4, [
      `link add wan type veth peer name ${name} netns ${concentrator.name}`,
      'address add 192.168.8.1/24 dev lan',
      `address add ${address.v4}/24 dev wan`,
      'link set dev lan up',
      'link set dev wan up',
    ]);
    await concentrator.ip(4, [`address add 10.78.${number}.1/24 dev ${name}`, `link set dev ${name} up`]);
    await router.ip(4, [`route add default via 10.78.${number}.1`]);
    await router.sysctl({ 'net.ipv4.ip_forward': 1, 'net.ipv4.conf.all.promote_secondaries': 1 });
    const rules =
      'table ip nat { chain out { type nat hook postrouting priority srcnat; oifname "wan" masquerade; }; }';
    await router.exec('nft', ['-f', '-'], { input: `${rules}\n` });
    for (const device of ['lan', 'wan']) {
      await run('tc', ['-n', router.name, 'qdisc', 'add', 'dev', device, 'root', ...RATE]);
    }
    await client.ip(4, [
      `address add 192.168.8.100/24 dev ${name}`,
      `link set dev ${name} up`,
      ...(ownTable ? [`rule add oif ${name} lookup ${200 + number}`] : []),
      `route add default via 192.168.8.1 dev ${name} ${ownTable ? 'table' : 'metric'} ${200 + number}`,
    ]);
    await client.routesChanged();
    return modem;
  }

  /** Bytes that have come to the client over it, Ethernet headers included. */
  async receivedBytes(): Promise<number> {
    const { client } = this.#network;
    const [device] = JSON.parse(
      await run('ip', ['-n', client.name, '-s', '-j', 'link', 'show', 'dev', this.name]),
    );
    return device.stats64.rx.bytes;
  }

  /** Its network gives it another address, with this last part: what it has translated until now it knows no more. */
  async changeAddress(host: number): Promise<void> {
    const [prefix] = this.#router.address.v4.split(/\d+$/);
    await this.#router.ip(4, [
      `address add ${prefix}${host}/24 dev wan`,
      `address del ${this.#router.address.v4}/24 dev wan`,
      `route replace default via ${prefix}1`,
    ]);
  }

  /** Whether it drops what belongs to no connection that it has seen begin, as carriers' translators do, or lets it pass. */
  async forgetConnections(drops: boolean): Promise<void> {
    await this.#router.sysctl({ 'net.netfilter.nf_conntrack_tcp_loose': drops ? 0 : 1 });
    if (!drops) return;
    const rules =
      'table ip strict { chain guard { type filter hook forward priority filter; ct state invalid drop; }; }';
    await this.#router.exec('nft', ['-f', '-'], { input: `${rules}\n` });
  }

  /** Has it serve SOCKS5 at 192.168.8.1:1080, as a phone that shares its connection may. */
  async serveSocks(): Promise<void> {
    const program = join(ROOT, 'test', 'system', 'support', 'socks-relay.mjs');
    const child = this.#router.spawn(process.execPath, [program, '192.168.8.1', '1080'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout!, 'data');
  }

  async unplug(): Promise<void> {
    await this.#router.killAll();

    await run('ip', ['netns', 'delete', this.#router.name]);
  }
}
