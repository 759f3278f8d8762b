import { readlinkSync } from 'node:fs';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { basename } from 'node:path';
import type { Destination } from '../../shared/protocol/destination.ts';
import {
  answeredRoutes,
  parseIpAddress,
  type RouteQuestion,
  routeBatch,
  routedFamilies,
} from './ip-output.ts';
import {
  type DeviceOf,
  familyOf,
  type NetworkInterfaces,
  type NetworkView,
  portableView,
} from './network-view.ts';
import { type IpResult, runIp } from './run-ip.ts';

/** Where a reader gets its facts; others stand in for it in tests. */
export interface NetworkSource {
  runIp(args: readonly string[], input?: string): Promise<IpResult | undefined>;
  networkInterfaces(): NetworkInterfaces;
  /** The device behind an interface, if there is one. */
  deviceOf: DeviceOf;
}

/** A name stands for an address that only a default route covers; nothing is ever sent there (RFC 5737, RFC 3849). */
const ANYWHERE = ['192.0.2.1', '2001:db8::1'] as const;
/** Interfaces that are asked for routes; those beyond count as if routes could not be told. */
const MAX_ASKED = 64;
/** So often in a row may an `ip` that has worked be of no use before it counts as gone: it may be in the middle of an upgrade. */
const MAX_LAPSES = 10;

const machine: NetworkSource = {
  runIp,
  networkInterfaces,
  deviceOf,
};

function deviceOf(interfaceName: string): string | undefined {
  try {
    return basename(readlinkSync(`/sys/class/net/${interfaceName}/device`));
  } catch {
    return undefined;
  }
}

/** Reads the interfaces, their kinds, addresses and routes: from iproute2 where there is one, else from Node.js. */
export class NetworkReader {
  readonly #targets: readonly string[];
  readonly #source: NetworkSource;
  readonly #onWithoutIp: (reason: string) => void;
  #hasIp = true;
  #hasWorked = false;
  #lapses = 0;

  /**
   * @param destinations the concentrator's addresses, to which routes are sought
   * @param onWithoutIp told once, if ever, why iproute2 is of no use here
   */
  constructor(
    destinations: readonly Destination[],
    onWithoutIp: (reason: string) => void = () => {},
    source: NetworkSource = machine,
  ) {
    this.#targets = [...new Set(destinations.flatMap(({ host }) => (isIP(host) === 0 ? ANYWHERE : [host])))];
    this.#onWithoutIp = onWithoutIp;
    this.#source = source;
  }

  /** Rejects when the facts could not be had this time. */
  async read(): Promise<NetworkView> {
    const { deviceOf } = this.#source;
    const output = this.#hasIp ? await this.#source.runIp(['-json', '-details', 'address']) : undefined;
    const interfaces = output === undefined ? undefined : parsed(output.stdout, deviceOf);
    if (interfaces === undefined) {
      const reason = output === undefined ? 'none that this user can run' : firstLine(output);
      if (this.#hasWorked && ++this.#lapses < MAX_LAPSES) throw new Error(`ip: ${reason}`);
      // There is none, or one (of BusyBox) that knows no JSON: that does not change while we run.
      if (this.#hasIp) this.#onWithoutIp(reason);
      this.#hasIp = false;
      return portableView(this.#source.networkInterfaces(), deviceOf);
    }
    this.#hasWorked = true;
    this.#lapses = 0;
    const asked = interfaces
      .filter(({ isUp, addresses }) => isUp && addresses.length > 0)
      .slice(0, MAX_ASKED);
    const routes = await this.#routesOver(asked);
    return {
      interfaces: interfaces
        .sort((a, b) => a.index - b.index)
        .map((one) => ({
          ...one,
          routes: routes !== undefined && asked.includes(one) ? routedFamilies(one, routes) : undefined,
        })),
    };
  }

  async #routesOver(
    interfaces: readonly { readonly name: string; readonly addresses: readonly string[] }[],
  ): Promise<RouteQuestion[] | undefined> {
    const questions = interfaces.flatMap(({ name, addresses }) => {
      const families = new Set(addresses.map(familyOf));
      const reachable = this.#targets.filter((target) => families.has(familyOf(target)));
      // Where there is no IPv4 a translator may lead to IPv4 addresses.
      const targets = reachable.length === 0 && families.has(6) ? [ANYWHERE[1]] : reachable;
      return targets.map((target) => ({ device: name, target }));
    });
    if (questions.length === 0) return [];
    const output = await this.#source.runIp(['-force', '-batch', '-'], routeBatch(questions));
    return output && answeredRoutes(questions, output.stderr);
  }
}

function firstLine({ stderr }: IpResult): string {
  return stderr.split('\n', 1)[0] || 'it prints nothing that can be read';
}

function parsed(text: string, deviceOf: DeviceOf) {
  try {
    return parseIpAddress(text, deviceOf);
  } catch {
    return undefined;
  }
}
