/*
 * A machine behind the client, for which the client's machine is the router, and which knows of no proxy:
 *
 *   namespace tsys-<pid>-<n>-lan        tsys-<pid>-<n>-client
 *  ┌────────────────────────┐  veth   ┌─────────────────────────┐
 *  │ lan0 10.78.200.2       │◄───────►│ lan0   10.78.200.1      │◄──► the paths of namespaces.ts
 *  │      fd78:0:0:c8::2    │  fast   │        fd78:0:0:c8::1   │
 *  │ default route to it    │         │ forwards nothing        │
 *  └────────────────────────┘         └─────────────────────────┘
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Namespace, run } from '../../bed/namespace.ts';
import { type Network, undertaker } from './namespaces.ts';

/** The interface at the router. */
export const LAN_INTERFACE = 'lan0';
export const ROUTER = { v4: '10.78.200.1', v6: 'fd78:0:0:c8::1' } as const;

export class Lan {
  readonly machine: Namespace;
  readonly #undertaker: ChildProcess;

  private constructor(machine: Namespace) {
    this.machine = machine;
    this.#undertaker = undertaker([machine.name]);
  }

  /** Builds it beside a network. */
  static async create({ client }: Network): Promise<Lan> {
    const name = client.name.replace(/client$/, 'lan');
    const lan = new Lan(new Namespace(name, { v4: '10.78.200.2', v6: 'fd78:0:0:c8::2' }));
    const { machine } = lan;
    await run('ip', ['netns', 'add', machine.name]);
    await machine.sysctl({ 'net.ipv6.conf.default.accept_dad': 0, 'net.ipv6.conf.default.disable_ipv6': 0 });
    await client.ip(4, [
      `link add ${LAN_INTERFACE} type veth peer name ${LAN_INTERFACE} netns ${machine.name}`,
      `link set dev ${LAN_INTERFACE} up`,
      `address add ${ROUTER.v4}/24 dev ${LAN_INTERFACE}`,
    ]);
    await client.ip(6, [`address add ${ROUTER.v6}/64 dev ${LAN_INTERFACE} nodad`]);
    await machine.ip(4, [
      'link set dev lo up',
      `link set dev ${LAN_INTERFACE} up`,
      `address add ${machine.address.v4}/24 dev ${LAN_INTERFACE}`,
      `route add default via ${ROUTER.v4}`,
    ]);
    await machine.ip(6, [
      `address add ${machine.address.v6}/64 dev ${LAN_INTERFACE} nodad`,
      `route add default via ${ROUTER.v6}`,
    ]);
    return lan;
  }

  /** Kills every process in it and removes it. */
  async close(): Promise<void> {
    const gone = once(this.#undertaker, 'exit');
    this.#undertaker.stdin?.end();
    await gone;
  }
}
