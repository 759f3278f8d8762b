import { pino } from 'pino';
import type { DialledUplink } from '../../client-proxy/path-manager/uplink-role.ts';
import { NORMAL_USE } from '../../client-proxy/path-manager/uplink-use.ts';
import { SessionKeeper } from '../../client-proxy/session/session-keeper.ts';
import { UplinkError } from '../../client-proxy/uplink/uplink-error.ts';
import { MemoryBudget } from '../../shared/protocol/memory-budget.ts';
import { DEFAULT_TUNING } from '../../shared/protocol/session/core-tuning.ts';
import { DelayRecord } from '../../shared/protocol/stream/stream-delays.ts';
import type { CancelSignal } from '../../shared/runtime/async/cancellation.ts';
import { TrafficTable } from '../../shared/runtime/session/uplink-traffic.ts';
import type { SubflowTransport } from '../../shared/runtime/subflow/subflow-transport.ts';
import { allLong } from '../client-proxy/packet-size/all-long.ts';
import type { VirtualClock } from '../simulation/clock.ts';
import { literalNames } from '../support/literal-names.ts';
import { NO_DATAGRAMS } from '../support/no-datagrams.ts';
import { NO_INBOUND } from '../support/no-inbound.ts';
import type { Balancer } from './balancer.ts';
import type { Machine } from './machine.ts';
import { FLEET_ADDRESS, FLEET_PORT, Wire } from './wire.ts';

/** Where a client dials from. */
export interface FleetUplink {
  readonly name: string;
  /** The client's address as the fleet sees it. */
  readonly address: string;
  /** One way, to the balancer. */
  readonly delayMs: number;
}

export interface FleetClientOptions {
  readonly id: string;
  readonly key: Uint8Array;
  readonly uplinks: readonly FleetUplink[];
  readonly clock: VirtualClock;
  readonly balancer: Balancer;
  /** Uniform in [0, 1): the jitter of its back-off. */
  readonly random: () => number;
}

/** The client's defaults: `dial.timeout`, `dial.backoffMin`, `dial.backoffMax`. */
const DIAL_TIMEOUT_MS = 10_000;
const BACKOFF = { minMs: 500, maxMs: 8_000 };

/** A client of the fleet: its own sessions, path manager and back-off, without sockets, TLS and applications. */
export class FleetClient {
  readonly keeper: SessionKeeper;
  readonly #options: FleetClientOptions;
  readonly #wires = new Map<Wire, Machine>();

  constructor(options: FleetClientOptions) {
    this.#options = options;
    const { id, key, clock, random } = options;
    this.keeper = new SessionKeeper({
      identity: () => ({ id, key }),
      addresses: [{ host: FLEET_ADDRESS, port: FLEET_PORT }],
      paths: 'per-uplink',
      packetSizes: allLong(),
      names: literalNames(),
      dialTimeoutMs: DIAL_TIMEOUT_MS,
      handshakeTimeoutMs: DIAL_TIMEOUT_MS,
      backoff: BACKOFF,
      openTimeoutMs: DIAL_TIMEOUT_MS,
      memory: new MemoryBudget(2e6),
      memoryBytes: 1e6,
      lingerMs: 60_000,
      tuning: DEFAULT_TUNING,
      delays: DELAYS,
      clock: () => clock.nowMs,
      random,
      logger: LOGGER,
      inbound: NO_INBOUND,
      datagrams: NO_DATAGRAMS,
      traffic: new TrafficTable(4),
      connect: (uplink, _address, signal, { serverName }) => this.#connect(uplink, serverName, signal),
      useOf: () => NORMAL_USE,
      onDial() {},
      onReviewed() {},
      onChanged() {},
      onSessionEnded() {},
    });
    this.keeper.setUplinks(
      options.uplinks.map(({ name, address }) => ({
        name,
        binding: { kind: 'address', address },
        backup: false,
      })),
    );
  }

  start(): void {
    this.keeper.start();
  }

  /** Whether a new connection of an application would get through now. */
  get isServed(): boolean {
    const { current } = this.keeper;
    if (current === undefined || !current.hasSubflow) return false;
    for (const [wire, machine] of this.#wires) if (wire.isOpen && machine.isUp) return true;
    return false;
  }

  /** Whether all of its uplinks carry a subflow. */
  get isWhole(): boolean {
    return this.isServed && this.keeper.uplinks.every(({ isUp }) => isUp);
  }

  /** Connects over one uplink, through the balancer, to a machine. */
  #connect(
    { name }: DialledUplink,
    serverName: string | undefined,
    signal: CancelSignal,
  ): Promise<SubflowTransport> {
    const { clock, balancer, uplinks } = this.#options;
    const { address, delayMs } = uplinks.find((uplink) => uplink.name === name)!;
    return new Promise((resolve, reject) => {
      const fail = (code: 'connectionRefused' | 'connectionReset' | 'timedOut', text: string) => {
        clearTimeout(timer);
        reject(new UplinkError(name, code, text));
      };
      const wire = new Wire(clock, delayMs, address, (gone) => this.#forget(gone));
      const timer = setTimeout(() => {
        wire.client.destroy();
        fail('timedOut', 'no answer');
      }, DIAL_TIMEOUT_MS);
      signal.addEventListener('abort', () => {
        wire.client.destroy();
        clearTimeout(timer);
        reject(signal.reason);
      });
      // A round trip for TCP; the ClientHello, with the name, is there after half of another.
      clock.after(2 * delayMs, () => {
        if (!balancer.isUp) fail('connectionRefused', 'refused');
      });
      clock.after(3 * delayMs, () => {
        if (!balancer.isUp || !wire.isOpen) return;
        balancer.lead(wire, serverName, (machine) => {
          if (machine === undefined || !machine.isUp) {
            clock.after(delayMs, () => fail('connectionReset', 'closed by the balancer'));
            return;
          }
          this.#wires.set(wire, machine);
          machine.arrive(wire, () => {
            clock.after(delayMs, () => {
              clearTimeout(timer);
              if (!wire.isOpen) return;
              resolve(wire.client);
            });
          });
        });
      });
      wire.client.setHandlers({
        onBytes: (chunk) => chunk.release(),
        onWritable() {},
        onClose: () => fail('connectionReset', 'closed by the concentrator'),
      });
    });
  }

  #forget(wire: Wire): void {
    this.#wires.get(wire)?.forget(wire);
    this.#wires.delete(wire);
    this.#options.balancer.forget(wire);
  }
}

const LOGGER = pino({ enabled: false });
/** Of all clients: nobody asks for it. */
const DELAYS = new DelayRecord();
