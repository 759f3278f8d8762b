import { readlinkSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { basename } from 'node:path';
import type { Destination } from '../../shared/protocol/destination.ts';
import { interfaceNameBytes } from '../../shared/runtime/kernel/interface-name.ts';
import { whyVirtual } from './interface-kind.ts';
import { interfaceRoutes, routeQuestions } from './interface-routes.ts';
import { parseIpAddress } from './ip-output.ts';
import {
  type DeviceOf,
  type NetworkInterface,
  type NetworkInterfaces,
  type NetworkNeeds,
  type NetworkView,
  portableView,
} from './network-view.ts';
import { askRoutes } from './route-questions.ts';
import { type IpResult, runIp } from './run-ip.ts';

/** Where a reader gets its facts; others stand in for it in tests. */
export interface NetworkSource {
  runIp(args: readonly string[], input?: string): Promise<IpResult | undefined>;
  networkInterfaces(): NetworkInterfaces;
  /** The device behind an interface, if there is one. */
  deviceOf: DeviceOf;
}

/** Interfaces that are asked for routes, the most important first; those beyond count as if routes could not be told. */
const MAX_ASKED = 64;
/** So often in a row may an `ip` that has worked be of no use before it counts as gone: it may be in the middle of an upgrade. */
const MAX_LAPSES = 10;

/** Where nothing is configured: containers and the like come last. */
export const ANY_NETWORK: NetworkNeeds = {
  wantsSimCards: false,
  importanceOf: (one) => (whyVirtual(one) === undefined ? 1 : 0),
};

/** This machine. */
export const THIS_MACHINE: NetworkSource = {
  runIp,
  networkInterfaces,
  deviceOf,
};

function deviceOf(interfaceName: string): string | undefined {
  try {
    const parts = [Buffer.from('/sys/class/net/'), interfaceNameBytes(interfaceName), Buffer.from('/device')];
    return basename(readlinkSync(Buffer.concat(parts)));
  } catch {
    return undefined;
  }
}

/** Reads the interfaces, their kinds, addresses and routes: from iproute2 where there is one, else from Node.js. */
export class NetworkReader {
  readonly #targets: () => readonly Destination[];
  readonly #source: NetworkSource;
  readonly #onWithoutIp: (reason: string) => void;
  readonly #importanceOf: NetworkNeeds['importanceOf'];
  #hasIp = true;
  #hasWorked = false;
  #lapses = 0;

  /**
   * @param targets the addresses to which routes are sought, as they are now
   * @param onWithoutIp told once, if ever, why iproute2 is of no use here
   */
  constructor(
    targets: () => readonly Destination[],
    onWithoutIp: (reason: string) => void = () => {},
    source: NetworkSource = THIS_MACHINE,
    importanceOf = ANY_NETWORK.importanceOf,
  ) {
    this.#targets = targets;
    this.#onWithoutIp = onWithoutIp;
    this.#source = source;
    this.#importanceOf = importanceOf;
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
      return this.#portableView();
    }
    this.#hasWorked = true;
    this.#lapses = 0;
    const asked = interfaces
      .filter(({ isUp, addresses }) => isUp && addresses.length > 0)
      .sort((one, other) => this.#importanceOf(other) - this.#importanceOf(one))
      .slice(0, MAX_ASKED);
    const targets = this.#targets();
    const questions = asked.flatMap((one) => routeQuestions(one, targets));
    const answers = await askRoutes((args, input) => this.#source.runIp(args, input), questions);
    return {
      interfaces: interfaces
        .sort((a, b) => a.index - b.index)
        .map((one): NetworkInterface => {
          const routed = answers !== undefined && asked.includes(one);
          return { ...one, ...(routed ? interfaceRoutes(one, questions, answers) : { routes: undefined }) };
        }),
    };
  }

  #portableView(): NetworkView {
    const { networkInterfaces, deviceOf } = this.#source;
    try {
      return portableView(networkInterfaces(), deviceOf);
    } catch (error) {
      // As on Android, where it may not be asked.
      throw new UnknownNetworkError((error as NodeJS.ErrnoException).code ?? (error as Error).message);
    }
  }
}

/** Neither iproute2 nor Node.js tells which interfaces there are. */
export class UnknownNetworkError extends Error {
  constructor(reason: string) {
    super(
      `this system does not tell its network interfaces (${reason}), so that "uplinks: auto" finds none: ` +
        'give uplinks as a list, each with its interface, address or proxy',
    );
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
