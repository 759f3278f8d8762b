import { FEATURE } from '../../shared/protocol/codec/wire.ts';
import type { ClientIdentity } from '../../shared/protocol/handshake/client-handshake.ts';
import type { Welcome } from '../../shared/protocol/handshake/messages.ts';
import { MemoryBudget } from '../../shared/protocol/memory-budget.ts';
import { withTuning } from '../../shared/protocol/session/core-tuning.ts';
import { Session } from '../../shared/protocol/session/session.ts';
import { PacketTable } from '../../shared/runtime/datagram/packet-table.ts';
import { nodeHandshakeCrypto } from '../../shared/runtime/session/handshake-crypto.ts';
import { SessionDriver } from '../../shared/runtime/session/session-driver.ts';
import { TrafficTable } from '../../shared/runtime/session/uplink-traffic.ts';
import type { SubflowTransport } from '../../shared/runtime/subflow/subflow-transport.ts';
import { UdpSockets } from '../../shared/runtime/udp/udp-sockets.ts';
import type { ClientConfig, ConfiguredUplink } from '../config/client-config.ts';
import type { DatagramPathsOptions } from '../datagram/datagram-paths.ts';
import { SessionDatagrams } from '../datagram/session-datagrams.ts';
import { clientSubflowHandshake } from '../path-manager/client-subflow-handshake.ts';

/** Whether UDP packets pass between an uplink and the concentrator. */
export type UdpProbe =
  | { readonly kind: 'passes'; readonly rttMs: number; readonly port: number }
  /** None of some packets was answered. */
  | { readonly kind: 'blocked'; readonly port: number }
  /** The concentrator carries no UDP, or has no port for it. */
  | { readonly kind: 'not-carried' };

export interface UdpProbeOptions extends Omit<DatagramPathsOptions, 'logger'> {
  readonly identity: ClientIdentity;
  readonly handshakeTimeoutMs: number;
}

/** How a program that only looks asks. */
export function udpProbeOptions(
  { client, dial }: Pick<ClientConfig, 'client' | 'dial'>,
  deps: Pick<UdpProbeOptions, 'native' | 'attachment' | 'clock' | 'wireOf'>,
): UdpProbeOptions {
  return {
    ...deps,
    sockets: new UdpSockets(deps.native),
    packetTable: new PacketTable(1),
    hasDescriptor: () => true,
    random: Math.random,
    identity: client,
    handshakeTimeoutMs: dial.timeoutMs,
  };
}

/** A path is asked again after some hundred milliseconds, then less often: one lost packet is not blocked UDP. */
const PATIENCE_MS = 3_000;
const LOOK_EVERY_MS = 20;
const MEMORY_BYTES = 1024 * 1024;
const LINGER_MS = 1_000;

/**
 * Begins a session of its own on a fresh transport, sees whether the concentrator answers packets over the same uplink, and ends it.
 * Rejects as `clientSubflowHandshake`.
 */
export async function probeUdp(
  uplink: ConfiguredUplink,
  transport: SubflowTransport,
  options: UdpProbeOptions,
): Promise<UdpProbe> {
  const { name: uplinkName, backup } = uplink;
  const { identity, handshakeTimeoutMs } = options;
  const { result, takeRest } = await clientSubflowHandshake(
    transport,
    { crypto: nodeHandshakeCrypto, identity, uplinkName, backup, intent: { kind: 'hello' } },
    handshakeTimeoutMs,
  );
  const probing = new ProbingSession(uplink, result.welcome!, options);
  try {
    return await probing.run(transport, takeRest());
  } finally {
    await probing.close();
  }
}

class ProbingSession {
  readonly #uplink: ConfiguredUplink;
  readonly #hasFeature: boolean;
  readonly #driver: SessionDriver;
  readonly #datagrams: SessionDatagrams;
  #port = 0;
  #isOffered = false;

  constructor(uplink: ConfiguredUplink, welcome: Welcome, options: UdpProbeOptions) {
    const { clock } = options;
    const traffic = new TrafficTable(1);
    const session = new Session({
      role: 'client',
      maxStreams: welcome.maxStreams,
      firstWindowBytes: welcome.firstWindowBytes,
      lingerMs: LINGER_MS,
      memory: new MemoryBudget(MEMORY_BYTES),
      nowMs: clock(),
      tuning: withTuning({}),
    });
    this.#uplink = uplink;
    this.#hasFeature = (welcome.features & FEATURE.datagrams) !== 0;
    this.#datagrams = new SessionDatagrams(session, { ...options, logger: SILENT }, traffic);
    this.#driver = new SessionDriver({
      session,
      clock,
      logger: SILENT,
      trafficOf: (name) => traffic.of(name),
      owner: {
        onSubflowClosed() {},
        onClosed: () => this.#datagrams.close(),
        onDatagramEvent: (event) => {
          if (event.type !== 'datagrams-offered') return;
          this.#isOffered = true;
          this.#port = event.setup.port;
          this.#datagrams.onEvent(event);
        },
      },
      packets: this.#datagrams.packets,
    });
    this.#datagrams.attach(this.#driver, () => [uplink]);
  }

  async run(transport: SubflowTransport, rest: Uint8Array): Promise<UdpProbe> {
    const id = this.#driver.input(({ subflows }) => subflows.allocateId());
    const { name: uplinkName, backup: isBackup } = this.#uplink;
    this.#driver.addSubflow({ id, uplinkName, isBackup }, transport, rest);
    this.#datagrams.review();
    for (let waitedMs = 0; waitedMs < PATIENCE_MS && !this.#driver.isClosed; waitedMs += LOOK_EVERY_MS) {
      const isNothing = !this.#hasFeature || (this.#isOffered && this.#port === 0);
      if (isNothing) return { kind: 'not-carried' };
      const [path] = this.#driver.snapshot().datagrams.paths;
      if (path?.rttMs !== undefined) return { kind: 'passes', rttMs: path.rttMs, port: this.#port };
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
    return this.#isOffered ? { kind: 'blocked', port: this.#port } : { kind: 'not-carried' };
  }

  async close(): Promise<void> {
    this.#driver.input((session) => session.close('goingAway'));
    await this.#driver.finished;
  }
}

const SILENT = { debug() {}, info() {}, warn() {}, error() {} };
