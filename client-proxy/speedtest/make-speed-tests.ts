import type { Destination } from '../../shared/protocol/destination.ts';
import type { CancelSignal } from '../../shared/runtime/async/cancellation.ts';
import type { MonotonicClock, WallClock } from '../../shared/runtime/clock.ts';
import type { SubflowTransport } from '../../shared/runtime/subflow/subflow-transport.ts';
import type { Concentrator } from '../concentrators/concentrator.ts';
import type { Concentrators } from '../concentrators/concentrators.ts';
import type { ClientConfig, ConfiguredUplink } from '../config/client-config.ts';
import type { TargetNames } from '../dns/target-names.ts';
import { type OpenedMeasurement, openMeasurement } from '../measurement/open-measurement.ts';
import { pathsOf } from '../path-manager/paths.ts';
import { reach } from '../path-manager/reach.ts';
import type { UplinkUses } from '../path-manager/uplink-use.ts';
import { SpeedTest, type SpeedTestDeps } from './speed-test.ts';
import { type RunSpeedTest, SpeedTests } from './speed-tests.ts';
import { SpeedTestError } from './subjects.ts';

/** The parts of a client that a speed test uses. */
export interface SpeedTestParts {
  readonly uplinks: { readonly uplinks: readonly ConfiguredUplink[] };
  readonly uses: UplinkUses;
  readonly names: TargetNames;
  readonly concentrators: Pick<Concentrators, 'chosen'>;
  readonly clock: MonotonicClock;
  readonly wallClock: WallClock;
}

/** Speed tests over the uplinks and in the session of this client; their bytes are counted as those of subflows are. */
export function makeSpeedTests(config: ClientConfig, parts: SpeedTestParts): SpeedTests {
  const { uplinks, uses, concentrators, clock, wallClock } = parts;
  const run: RunSpeedTest = async (request, onProgress, signal) => {
    // One test is of one concentrator, whichever is chosen meanwhile.
    const { chosen } = concentrators;
    if (chosen === undefined) throw new SpeedTestError('there is no concentrator');
    const { keeper } = chosen;
    const ways = new Ways(config, chosen, parts);
    const deps: SpeedTestDeps = {
      uplinks: () => uplinks.uplinks,
      useOf: (name) => uses.of(name),
      open: (uplink) => ways.open(uplink, signal),
      ...{ keeper, clock, wallClock },
    };
    return new SpeedTest(deps, request, onProgress, signal).run();
  };
  return new SpeedTests({
    run: config.mode === 'direct' ? undefined : run,
    uplinks: () => uplinks.uplinks,
  });
}

/** The concentrator's address of each uplink: found once in a test, so that no later connection waits for name servers. */
class Ways {
  readonly #config: ClientConfig;
  readonly #concentrator: Concentrator;
  readonly #parts: SpeedTestParts;
  readonly #found = new Map<string, { readonly dialled: Destination; readonly way: Destination }>();

  constructor(config: ClientConfig, concentrator: Concentrator, parts: SpeedTestParts) {
    this.#config = config;
    this.#concentrator = concentrator;
    this.#parts = parts;
  }

  /** Rejects as `reach`, `UplinkConnector.subflow` and `openMeasurement`. */
  async open(uplink: ConfiguredUplink, signal: CancelSignal): Promise<OpenedMeasurement | undefined> {
    const { clock } = this.#parts;
    const { secrets } = this.#concentrator;
    const { timeoutMs } = this.#config.dial;
    const transport = await this.#connect(uplink, signal);
    return openMeasurement(transport, { identity: secrets.identity, uplink, timeoutMs, clock });
  }

  async #connect(uplink: ConfiguredUplink, signal: CancelSignal): Promise<SubflowTransport> {
    const { names } = this.#parts;
    const { connector, configured } = this.#concentrator;
    const known = this.#found.get(uplink.name);
    if (known !== undefined) {
      return connector.subflow(uplink, known.dialled, signal, {
        way: known.way,
        isTrial: false,
        isPressing: false,
      });
    }
    const { paths, dial } = this.#config;
    const { transport, address } = await reach({
      uplink,
      // Whichever path answers first: what is measured is the uplink.
      targets: [...pathsOf(paths, uplink.binding, configured.concentrator.addresses, 1).values()].flat(),
      names,
      connect: (over, target, attempt, purpose) => connector.subflow(over, target, attempt, purpose),
      timeoutMs: dial.timeoutMs,
      signal,
    });
    const isProxy = uplink.binding.kind === 'proxy';
    const dialled = isProxy ? address : { host: transport.remoteAddress, port: address.port };
    this.#found.set(uplink.name, { dialled, way: address });
    return transport;
  }
}
