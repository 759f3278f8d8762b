import { DATAGRAM_TUNING, type DatagramTuning } from '../datagram/plane/datagram-tuning.ts';
import { MisuseError } from '../errors.ts';
import { STEERING_TUNING, type SteeringTuning } from '../steering/steering-tuning.ts';
import { STREAM_TUNING, type StreamTuning } from '../stream/stream-tuning.ts';
import { SUBFLOW_TUNING, type SubflowTuning } from '../subflow/subflow-tuning.ts';
import { UPLINK_TUNING, type UplinkTuning } from '../uplink/uplink-tuning.ts';
import { GUARD_TUNING, type GuardTuning } from './harm-guard.ts';
import { RETIREMENT_TUNING, type RetirementTuning } from './retirement.ts';
import { WATCH_TUNING, type WatchTuning } from './subflow-watch.ts';
import { TRANSMIT_TUNING, type TransmitTuning } from './transmit-tuning.ts';

/**
 * Every number of the core that may differ without breaking the wire format or a bound on memory, in groups that stand
 * beside what they tune. Times in milliseconds, sizes in bytes, rates in bytes per second.
 */
export interface CoreTuning
  extends SubflowTuning,
    UplinkTuning,
    StreamTuning,
    SteeringTuning,
    TransmitTuning,
    DatagramTuning {
  readonly watch: WatchTuning;
  readonly guard: GuardTuning;
  readonly retirement: RetirementTuning;
}

export const DEFAULT_TUNING: CoreTuning = {
  ...SUBFLOW_TUNING,
  ...UPLINK_TUNING,
  ...STREAM_TUNING,
  ...STEERING_TUNING,
  ...TRANSMIT_TUNING,
  ...DATAGRAM_TUNING,
  watch: WATCH_TUNING,
  guard: GUARD_TUNING,
  retirement: RETIREMENT_TUNING,
};

/** All names that `withTuning` takes, as `group.name`. */
export function tuningKeys(): readonly string[] {
  return Object.entries(DEFAULT_TUNING).flatMap(([group, values]) =>
    Object.keys(values as object).map((name) => `${group}.${name}`),
  );
}

/**
 * The defaults with some numbers replaced, for an experiment or a benchmark.
 *
 * @param overrides numbers by `group.name`, as in `{'congestion.cruiseGain': 1.4}`
 * @throws MisuseError for a name that does not exist, or a value that is no finite number
 */
export function withTuning(overrides: Readonly<Record<string, number>>): CoreTuning {
  const groups = new Map<string, Record<string, number>>(
    Object.entries(DEFAULT_TUNING).map(([group, values]) => [group, { ...(values as object) }]),
  );
  const known = new Set(tuningKeys());
  for (const [key, value] of Object.entries(overrides)) {
    if (!known.has(key)) throw new MisuseError(`there is no tuning number ${key}`);
    if (!Number.isFinite(value)) throw new MisuseError(`tuning number ${key}: expected a finite number`);
    const [group = '', name = ''] = key.split('.');
    groups.get(group)![name] = value;
  }
  return Object.fromEntries(groups) as unknown as CoreTuning;
}
