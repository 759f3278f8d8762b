import type { SteeredUplink, SteeringFields, SteeringFrame } from '../codec/steering-frame.ts';
import { MAX_STEERED_UPLINKS, MILLION, NAME_FORMAT } from '../codec/wire.ts';
import { MisuseError } from '../errors.ts';
import { modeOfWire, rowOf } from './modes.ts';
import { halvesOf, type SteeringPolicy, type StreamPolicy } from './steering-policy.ts';

/** Whether OPEN's mode says all of it. */
export function isModeAlone({ only, order, weights, maxRttMs, maxLoss }: SteeringPolicy): boolean {
  return (
    only === undefined &&
    order === undefined &&
    weights === undefined &&
    maxRttMs === undefined &&
    maxLoss === undefined
  );
}

/**
 * What a frame tells the peer of a policy; weights become millionths of the largest.
 * @throws MisuseError for what no frame can say: no uplink at all in `only`, too many, a name or number out of bounds
 */
export function fieldsOfPolicy(policy: SteeringPolicy, generation: number): SteeringFields {
  const { only, order = [], weights = {}, maxRttMs, maxLoss } = policy;
  if (only?.length === 0) throw new MisuseError('a steering policy without any uplink');
  if (maxRttMs !== undefined) check(maxRttMs >= 1 && maxRttMs <= 0xffff_ffff, 'maxRttMs');
  if (maxLoss !== undefined) check(maxLoss >= 0 && maxLoss <= 1, 'maxLoss');
  const shares = new Map(Object.entries(weights));
  for (const weight of shares.values()) check(weight >= 0 && Number.isFinite(weight), 'weight');
  const most = Math.max(0, ...shares.values());
  const names = new Set([...order, ...(only ?? []), ...shares.keys()]);
  check(names.size <= MAX_STEERED_UPLINKS, 'number of uplinks');
  const uplinks = [...names].map((name): SteeredUplink => {
    check(NAME_FORMAT.test(name), 'name of an uplink');
    return {
      name,
      isOnly: only?.includes(name) ?? false,
      isOrdered: order.includes(name),
      weight: wireWeight(shares.get(name) ?? 0, most),
    };
  });
  return {
    generation,
    mode: rowOf(policy.mode).wire,
    maxRttMs: Math.round(maxRttMs ?? 0),
    maxLossMillionths: maxLoss === undefined ? undefined : Math.round(maxLoss * MILLION),
    uplinks,
  };
}

/** The same as the frame for a stream. @throws MisuseError as `fieldsOfPolicy` */
export function frameOfPolicy(policy: SteeringPolicy, streamId: number, generation: number): SteeringFrame {
  return { type: 'steering', streamId, ...fieldsOfPolicy(policy, generation) };
}

/** The policy that a frame tells of. */
export function policyOfFrame(fields: Omit<SteeringFields, 'generation'>): SteeringPolicy {
  const { mode, maxRttMs, maxLossMillionths, uplinks } = fields;
  const only = uplinks.filter(({ isOnly }) => isOnly).map(({ name }) => name);
  const order = uplinks.filter(({ isOrdered }) => isOrdered).map(({ name }) => name);
  const weights = uplinks
    .filter(({ weight }) => weight > 0)
    .map(({ name, weight }) => [name, weight] as const);
  return {
    mode: modeOfWire(mode),
    ...(only.length > 0 && { only }),
    ...(order.length > 0 && { order }),
    ...(weights.length > 0 && { weights: Object.fromEntries(weights) }),
    ...(maxRttMs > 0 && { maxRttMs }),
    ...(maxLossMillionths !== undefined && { maxLoss: maxLossMillionths / MILLION }),
  };
}

/** @throws MisuseError as `fieldsOfPolicy`, also for the half that no frame tells of */
export function checkPolicy(policy: StreamPolicy): void {
  for (const half of halvesOf(policy)) if (!isModeAlone(half)) fieldsOfPolicy(half, 1);
}

/** A share that is small beside the others is still one. */
function wireWeight(weight: number, most: number): number {
  return weight > 0 ? Math.max(1, Math.round((weight / most) * MILLION)) : 0;
}

function check(isRight: boolean, what: string): void {
  if (!isRight) throw new MisuseError(`a steering policy with a ${what} out of bounds`);
}
