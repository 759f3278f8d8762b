import { STEERING_MODE_NAMES } from '../../shared/protocol/steering/modes.ts';
import type { SteeringPolicy } from '../../shared/protocol/steering/steering-policy.ts';
import type { Random } from './random.ts';

export const MODES = STEERING_MODE_NAMES;

/** Any policy over the named uplinks; `only` never leaves out all that there are, or a stream might wait for ever. */
export function randomPolicy(random: Random, uplinkNames: readonly string[]): SteeringPolicy {
  const some = () => uplinkNames.filter(() => random.chance(0.5));
  const only = some();
  const order = random.chance(0.5) ? [...some()].reverse() : some();
  return {
    mode: random.pick(MODES),
    ...(only.length > 0 && random.chance(0.4) && { only }),
    ...(random.chance(0.6) && { order }),
    ...(random.chance(0.6) && {
      weights: Object.fromEntries(some().map((name) => [name, random.between(0, 5)])),
    }),
    ...(random.chance(0.3) && { maxRttMs: random.logBetween(10, 1_000) }),
    ...(random.chance(0.3) && { maxLoss: random.between(0, 0.05) }),
  };
}
