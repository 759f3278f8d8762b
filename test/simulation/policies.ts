import { STEERING_MODE_NAMES } from '../../shared/protocol/steering/modes.ts';
import type { SteeringPolicy, StreamPolicy } from '../../shared/protocol/steering/steering-policy.ts';
import { Random } from './random.ts';

export const MODES = STEERING_MODE_NAMES;

/** Any policy over the named uplinks, now and then another one for each direction. */
export function randomPolicy(random: Random, uplinkNames: readonly string[]): StreamPolicy {
  const policy = randomHalf(random, uplinkNames);
  // From what was drawn for the policy, so that older seeds play as they did.
  const own = new Random(hashOf(JSON.stringify(policy)));
  return own.chance(0.2) ? { ...policy, down: randomHalf(own, uplinkNames) } : policy;
}

/** `only` never leaves out all that there are, or a stream might wait for ever. */
function randomHalf(random: Random, uplinkNames: readonly string[]): SteeringPolicy {
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

function hashOf(text: string): number {
  let hash = 0;
  for (const character of text) hash = (Math.imul(hash, 31) + character.codePointAt(0)!) | 0;
  return hash;
}
