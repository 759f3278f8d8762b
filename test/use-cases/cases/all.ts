import type { UseCase } from '../use-case.ts';
import { manyPaths, onePath } from './data-centre.ts';
import { dualStack } from './dual-stack.ts';
import { fireEngine } from './fire-engine.ts';
import { hotPlug } from './hot-plug.ts';
import { firstThenSecond, joinOnDemand } from './hybrid-access.ts';
import { map } from './map.ts';
import { redundant } from './redundant.ts';
import { breakBeforeMake, makeBeforeBreak } from './siri.ts';
import { streaming } from './streaming.ts';

/** In the order in which they are played. */
export const USE_CASES: readonly UseCase[] = [
  makeBeforeBreak,
  breakBeforeMake,
  fireEngine,
  map,
  streaming,
  firstThenSecond,
  joinOnDemand,
  dualStack,
  onePath,
  manyPaths,
  redundant,
  hotPlug,
];
